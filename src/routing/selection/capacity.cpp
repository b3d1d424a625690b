#include "routing/selection/capacity.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace pastonly::routing {

namespace {

constexpr std::array<std::string_view, 13> formula_names = {
    "deepspeed",  "megatron", "megablocks", "fairscale",  "fairseq", "fairseq-eval", "tutel",
    "flaxformer", "vmoe",     "mesh",       "colossalai", "maxtext", "olmo-core"};

std::size_t whole(double value) noexcept {
  if (!(value > 0.0)) return 0;
  return value >= 0x1.0p62 ? std::numeric_limits<std::size_t>::max() / 4 : static_cast<std::size_t>(value);
}

std::size_t divide_up(std::size_t value, std::size_t by) noexcept { return (value + by - 1) / by; }

std::size_t round_up(std::size_t value, std::size_t multiple) noexcept {
  return divide_up(value, multiple) * multiple;
}

// The operations stand in the order of the framework's own expression: ceil and int see its rounding.
std::size_t evaluate(CapacityFormula formula, std::size_t tokens, std::size_t experts, double k,
                     double factor) noexcept {
  const auto t = static_cast<double>(tokens);
  const auto n = static_cast<double>(experts);
  switch (formula) {
    case CapacityFormula::deepspeed:
      return whole(std::ceil(t / n * (factor * k)));
    case CapacityFormula::megatron:
      return whole(std::ceil(t * k / n * factor));
    case CapacityFormula::megablocks:
      return whole(factor * (k * t / n));
    case CapacityFormula::fairscale:
      return 2 * tokens / experts;
    case CapacityFormula::fairseq_eval:
      return whole(std::ceil(factor * t));
    case CapacityFormula::fairseq:
    case CapacityFormula::tutel:
      return whole(k) * whole(factor * static_cast<double>(divide_up(tokens, experts)));
    case CapacityFormula::flaxformer:
      return whole(std::nearbyint(factor * t / n));
    case CapacityFormula::vmoe:
      return round_up(whole(std::ceil(factor * t * k / n)), 4);
    case CapacityFormula::mesh:
      return std::min(tokens, whole(t * factor / n));
    case CapacityFormula::colossalai: {
      const std::size_t slots = whole(std::floor(k * factor * t / n));
      return slots + slots % 2;
    }
    case CapacityFormula::maxtext:
      return whole(std::max(std::ceil(t * k / n) * factor, factor));
    case CapacityFormula::olmo_core:
      return round_up(whole(factor * k * t / n), 8);
  }
  return 0;
}

std::size_t own_minimum(CapacityFormula formula) noexcept {
  return formula == CapacityFormula::flaxformer || formula == CapacityFormula::mesh ? 4 : 0;
}

}  // namespace

std::string_view name(CapacityFormula formula) noexcept {
  return formula_names[static_cast<std::size_t>(formula)];
}

std::size_t Capacity::of(std::size_t tokens, std::size_t experts, double k) const noexcept {
  if (literal) return *literal;
  if (experts == 0) return 0;
  return std::max(evaluate(formula, tokens, experts, k, factor), minimum.value_or(own_minimum(formula)));
}

bool Capacity::binds(std::size_t tokens, std::size_t experts, double k) const noexcept {
  const std::size_t slots = of(tokens, experts, k);
  return slots > 0 && slots < tokens;
}

void Capacity::write(Parameters& parameters) const {
  if (literal) {
    parameters.emplace_back("capacity", *literal);
    return;
  }
  parameters.emplace_back("capacity_formula", std::string(name(formula)));
  parameters.emplace_back("capacity_factor", factor);
  if (minimum) parameters.emplace_back("min_capacity", *minimum);
}

Capacity read_capacity(ParameterReader& reader, bool required) {
  const bool by_formula =
      reader.has("capacity_factor") || reader.has("capacity_formula") || reader.has("min_capacity");
  Capacity capacity;
  if (reader.has("capacity")) {
    if (by_formula) {
      reader.reject(
          "'capacity' is the number of slots itself: it excludes capacity_factor, capacity_formula and "
          "min_capacity");
    }
    capacity.literal = reader.count("capacity", std::nullopt);
  } else if (!by_formula && required) {
    reader.missing("capacity", "the slots per expert, or capacity_factor");
  }
  capacity.formula = static_cast<CapacityFormula>(
      reader.choice("capacity_formula",
                    {formula_names[0], formula_names[1], formula_names[2], formula_names[3], formula_names[4],
                     formula_names[5], formula_names[6], formula_names[7], formula_names[8], formula_names[9],
                     formula_names[10], formula_names[11], formula_names[12]},
                    static_cast<std::size_t>(CapacityFormula::megatron)));
  capacity.factor = reader.positive("capacity_factor", 1.0);
  if (reader.has("min_capacity")) capacity.minimum = reader.count("min_capacity", std::nullopt);
  return capacity;
}

}  // namespace pastonly::routing
