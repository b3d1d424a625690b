#include <bit>
#include <cstdint>
#include <initializer_list>
#include <type_traits>
#include <utility>

#include "catch.h"
#include "kernels/elementary.h"

namespace pastonly::kernels {
namespace {

template <class Real>
using Bits = std::conditional_t<sizeof(Real) == 4, std::uint32_t, std::uint64_t>;

template <class Real, class F>
void check_bits(F&& f, std::initializer_list<std::pair<Real, Bits<Real>>> cases) {
  for (const auto& [x, bits] : cases) {
    INFO(static_cast<double>(x));
    CHECK(std::bit_cast<Bits<Real>>(f(x)) == bits);
  }
}

}  // namespace

TEST_CASE("elementary functions are the same on every machine, to the last bit", "[kernels]") {
  check_bits<double>([](double x) { return exp(x); }, {{0x1.999999999999ap-4, 0x3ff1aec7b35a00d4},
                                                       {-0x1.999999999999ap-4, 0x3fecf46d99d52b3a},
                                                       {0x1p+0, 0x4005bf0a8b14576a},
                                                       {-0x1p+0, 0x3fd78b56362cef38},
                                                       {0x1.4p+1, 0x40285d6fd931e0bb},
                                                       {-0x1.d333333333333p+2, 0x3f4622d4792b6a8d},
                                                       {0x1.0a66666666666p+5, 0x42f078401f5a3ec8},
                                                       {-0x1.92ccccccccccdp+6, 0x36da5db5419c7533},
                                                       {0x1.5e0cccccccccdp+9, 0x7f1058614179b2a5},
                                                       {-0x1.6273333333333p+9, 0x0009ab77c6e3d8a4},
                                                       {-0x1.721999999999ap+9, 0x0000000000000045},
                                                       {0x1.12e0be826d695p-30, 0x3ff000000044b830}});
  check_bits<double>([](double x) { return exp2(x); }, {{0x1.999999999999ap-4, 0x3ff125fbee250664},
                                                        {-0x1.999999999999ap-4, 0x3feddb680117ab12},
                                                        {0x1p-1, 0x3ff6a09e667f3bcc},
                                                        {-0x1p-1, 0x3fe6a09e667f3bcc},
                                                        {0x1.a666666666666p+1, 0x4023b2c47bff8328},
                                                        {-0x1.ecccccccccccdp+2, 0x3f73b2c47bff8328},
                                                        {0x1.91p+6, 0x463306fe0a31b715},
                                                        {-0x1.f3f3333333333p+9, 0x017125fbee2506b0},
                                                        {0x1.ffcp+9, 0x7fe6a09e667f3bcc},
                                                        {-0x1.ff4p+9, 0x000b504f333f9de6},
                                                        {-0x1.0913333333333p+10, 0x00000000000033fc},
                                                        {0x1.12e0be826d695p-30, 0x3ff00000002fa1f9}});
  check_bits<double>([](double x) { return log(x); }, {{0x1.999999999999ap-4, 0xc0026bb1bbb55515},
                                                       {0x1.6a09e667f3bccp-1, 0xbfd62e42fefa39f1},
                                                       {0x1.fffeb074a771dp-1, 0xbee4f8bc681df714},
                                                       {0x1.0000a7c5ac472p+0, 0x3ee4f8aea9af0a25},
                                                       {0x1.6a09e667f3bcdp+0, 0x3fd62e42fefa39f0},
                                                       {0x1.8p+1, 0x3ff193ea7aad030a},
                                                       {0x1.4p+3, 0x40026bb1bbb55516},
                                                       {0x1.81cd6c8b43958p+13, 0x4022d79559791e31},
                                                       {0x1.56e1fc2f8f359p-997, 0xc085963447f87fb5},
                                                       {0x1.7e43c8800759cp+996, 0x4085963447f87fb5},
                                                       {0x0.0000000006p-1022, 0xc086f2a4f5736e06},
                                                       {0x0.052d6737c0bc2p-1022, 0xc0864260df92a693}});
  check_bits<double>([](double x) { return log1p(x); }, {{0x1.999999999999ap-4, 0x3fb8663f793c46c7},
                                                         {-0x1.999999999999ap-4, 0xbfbaf8e8210a415e},
                                                         {0x1.12e0be826d695p-30, 0x3e112e0be801f1d9},
                                                         {-0x1.12e0be826d695p-30, 0xbe112e0be84bbb51},
                                                         {-0x1p-1, 0xbfe62e42fefa39ef},
                                                         {-0x1.ff7ced916872bp-1, 0xc01ba18a998fff9f},
                                                         {0x1.a827999fcef32p-2, 0x3fd62e42fefa39ef},
                                                         {0x1p+0, 0x3fe62e42fefa39ef},
                                                         {0x1.8p+1, 0x3ff62e42fefa39ef},
                                                         {0x1.86ap+16, 0x4027069f7a2d94f6},
                                                         {0x1.4e718d7d7625ap+664, 0x407cc845b54b54f2},
                                                         {0x1p-53, 0x3ca0000000000000}});
  check_bits<double>([](double x) { return log2(x); }, {{0x1.999999999999ap-4, 0xc00a934f0979a371},
                                                        {0x1.6a09e667f3bccp-1, 0xbfe0000000000001},
                                                        {0x1.fffeb074a771dp-1, 0xbeee4172e152f603},
                                                        {0x1.0000a7c5ac472p+0, 0x3eee415f0d4c3be1},
                                                        {0x1.6a09e667f3bcdp+0, 0x3fe0000000000001},
                                                        {0x1.8p+1, 0x3ff95c01a39fbd69},
                                                        {0x1.4p+3, 0x400a934f0979a371},
                                                        {0x1.81cd6c8b43958p+13, 0x402b2ef5b86e63d0},
                                                        {0x1.56e1fc2f8f359p-997, 0xc08f24a09f1a8b89},
                                                        {0x1.7e43c8800759cp+996, 0x408f24a09f1a8b89},
                                                        {0x0.0000000006p-1022, 0xc0908da8ff971811},
                                                        {0x0.052d6737c0bc2p-1022, 0xc0900e82d9ead617}});
  check_bits<double>([](double x) { return sin(x); }, {{0x1.999999999999ap-4, 0x3fb98eaecb8bcb2c},
                                                       {-0x1.999999999999ap-4, 0xbfb98eaecb8bcb2c},
                                                       {0x1p+0, 0x3feaed548f090cee},
                                                       {0x1p+1, 0x3fed18f6ead1b446},
                                                       {0x1.921fb54442d18p+1, 0x3ca1a62633145c07},
                                                       {-0x1p+2, 0x3fe837b9dddc1eae},
                                                       {0x1.4p+3, 0xbfe1689ef5f34f53},
                                                       {0x1.92p+6, 0xbf9fb3f833470ff1},
                                                       {0x1.388p+13, 0xbfd38f2fa75d9289},
                                                       {0x1.e240b33333333p+16, 0xbfeffa4cf2bce7e5},
                                                       {-0x1.1e1a3p+28, 0x3fdc219eed2e54c5},
                                                       {0x1.5798ee2308c3ap-27, 0x3e45798ee2308c3a}});
  check_bits<double>([](double x) { return cos(x); }, {{0x1.999999999999ap-4, 0x3fefd712f9a817c1},
                                                       {-0x1.999999999999ap-4, 0x3fefd712f9a817c1},
                                                       {0x1p+0, 0x3fe14a280fb5068c},
                                                       {0x1p+1, 0xbfdaa22657537205},
                                                       {0x1.921fb54442d18p+1, 0xbff0000000000000},
                                                       {-0x1p+2, 0xbfe4eaa606db24c1},
                                                       {0x1.4p+3, 0xbfead9ac890c6b1f},
                                                       {0x1.92p+6, 0x3feffc12adaecec2},
                                                       {0x1.388p+13, 0xbfee780e88ec4409},
                                                       {0x1.e240b33333333p+16, 0xbfa3186f285e7650},
                                                       {-0x1.1e1a3p+28, 0x3fecbe31d447d1e2},
                                                       {0x1.5798ee2308c3ap-27, 0x3ff0000000000000}});
  check_bits<float>([](float x) { return exp(x); }, {{0x1.99999ap-4F, 0x3f8d763e},
                                                     {-0x1.99999ap-4F, 0x3f67a36d},
                                                     {0x1p+0F, 0x402df854},
                                                     {-0x1p+0F, 0x3ebc5ab2},
                                                     {0x1.4p+1F, 0x4142eb7f},
                                                     {-0x1.d33334p+2F, 0x3a3116a2},
                                                     {0x1.0a6666p+5F, 0x5783c1fa},
                                                     {-0x1.e5999ap+5F, 0x13ac4185},
                                                     {0x1.62ccccp+6F, 0x7f7a37fc},
                                                     {-0x1.63999ap+6F, 0x001acdfa},
                                                     {-0x1.90ccccp+6F, 0x00000016},
                                                     {0x1.12e0bep-30F, 0x3f800000}});
  check_bits<float>([](float x) { return log(x); }, {{0x1.99999ap-4F, 0xc0135d8e},
                                                     {0x1.6a09e6p-1F, 0xbeb17219},
                                                     {0x1.fffebp-1F, 0xb7280037},
                                                     {0x1.0000a8p+0F, 0x3727ffc9},
                                                     {0x1.6a09e6p+0F, 0x3eb17217},
                                                     {0x1.8p+1F, 0x3f8c9f54},
                                                     {0x1.4p+3F, 0x40135d8e},
                                                     {0x1.81cd6cp+13F, 0x4116bcab},
                                                     {0x1.b38fb8p-127F, 0xc2aeff18},
                                                     {0x1.2ced32p+126F, 0x42aeff18},
                                                     {0x1.cp-147F, 0xc2caaa82},
                                                     {0x1p-1F, 0xbf317218}});
  check_bits<float>([](float x) { return log1p(x); }, {{0x1.99999ap-4F, 0x3dc331fc},
                                                       {-0x1.99999ap-4F, 0xbdd7c741},
                                                       {0x1.12e0bep-30F, 0x3089705f},
                                                       {-0x1p-1F, 0xbf317218},
                                                       {0x1.8p+1F, 0x3fb17218},
                                                       {0x1.86ap+16F, 0x413834fc}});
  struct Power {
    double x, y;
    std::uint64_t bits;
  };
  for (const auto& [x, y, bits] :
       std::initializer_list<Power>{{0x1p+1, 0x1p-1, 0x3ff6a09e667f3bcc},
                                    {0x1.4p+3, -0x1.8p+1, 0x3f50624dd2f1a9fc},
                                    {0x1.3333333333333p-2, 0x1.ecccccccccccdp+2, 0x3f18ae7e5b4e6bb3},
                                    {0x1.00068db8bac71p+0, 0x1.388p+13, 0x4005bec34aabbfd3},
                                    {0x1.4f8b588e368f1p-17, 0x1.999999999999ap-3, 0x3fb9999999999998},
                                    {0x1.2p+3, 0x1.8p+0, 0x403afffffffffffe},
                                    {0x1p-1, 0x1.0c8p+10, 0x0000000000000001},
                                    {0x1.8p+1, -0x1.9p+8, 0x18502aceec91d94b},
                                    {0x1.2a05f2p+33, 0x1.ep+4, 0x7e37e43c880075e6},
                                    {0x1.ff7ced916872bp-1, 0x1.ed9999999999ap+6, 0x3fec488b3cac62bd},
                                    {0x1.cp+2, 0x1.999999999999ap-4, 0x3ff36fe0d9dde8a3},
                                    {0x1.8p+0, 0x1p+1, 0x4002000000000001}}) {
    INFO(x << "^" << y);
    CHECK(std::bit_cast<std::uint64_t>(pow(x, y)) == bits);
  }
}

}  // namespace pastonly::kernels
