#include "npz.h"

#include <zip.h>

#include <cstring>
#include <string_view>

#include "catch.h"

namespace {

template <class T>
std::vector<float> widen(std::string_view bytes) {
  std::vector<float> values(bytes.size() / sizeof(T));
  for (std::size_t i = 0; i < values.size(); ++i) {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    values[i] = static_cast<float>(value);
  }
  return values;
}

std::string_view between(std::string_view text, std::string_view from, char to) {
  const auto start = text.find(from) + from.size();
  return text.substr(start, text.find(to, start) - start);
}

// Enough of the npy format for the files at hand: version 1; column-major arrays are turned.
GoldenArray parse_npy(std::string_view bytes) {
  REQUIRE(bytes.substr(1, 5) == "NUMPY");
  const std::size_t length =
      static_cast<unsigned char>(bytes[8]) + 256U * static_cast<unsigned char>(bytes[9]);
  const auto header = bytes.substr(10, length);
  const auto type = between(header, "'descr': '", '\'');
  auto shape = between(header, "'shape': (", ')');
  GoldenArray array;
  while (!shape.empty()) {
    const auto comma = std::min(shape.find(','), shape.size());
    const std::string number(shape.substr(0, comma));
    if (number.find_first_of("0123456789") != std::string::npos) array.shape.push_back(std::stoul(number));
    shape.remove_prefix(std::min(comma + 1, shape.size()));
  }
  const auto data = bytes.substr(10 + length);
  if (type == "<f4") {
    array.values = widen<float>(data);
  } else if (type == "|u1") {
    array.values = widen<std::uint8_t>(data);
  } else {
    REQUIRE(type == "<i8");
    array.values = widen<std::int64_t>(data);
  }
  if (header.find("'fortran_order': True") != std::string_view::npos && array.shape.size() == 2) {
    const std::vector<float> columns = array.values;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      array.values[i % array.shape[0] * array.shape[1] + i / array.shape[0]] = columns[i];
    }
  }
  return array;
}

}  // namespace

std::map<std::string, GoldenArray> read_golden_npz(const std::filesystem::path& path) {
  std::map<std::string, GoldenArray> arrays;
  int error = 0;
  zip_t* archive = zip_open(path.c_str(), ZIP_RDONLY, &error);
  REQUIRE(archive != nullptr);
  for (zip_int64_t i = 0; i < zip_get_num_entries(archive, 0); ++i) {
    zip_stat_t entry;
    REQUIRE(zip_stat_index(archive, static_cast<zip_uint64_t>(i), 0, &entry) == 0);
    std::string bytes(entry.size, '\0');
    zip_file_t* file = zip_fopen_index(archive, static_cast<zip_uint64_t>(i), 0);
    REQUIRE(zip_fread(file, bytes.data(), entry.size) == static_cast<zip_int64_t>(entry.size));
    zip_fclose(file);
    const std::string name(entry.name);
    arrays[name.substr(0, name.size() - 4)] = parse_npy(bytes);
  }
  zip_discard(archive);
  return arrays;
}
