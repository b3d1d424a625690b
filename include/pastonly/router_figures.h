#pragma once

#include <array>
#include <optional>

#include "pastonly/report.h"

namespace pastonly {

/// A figure of a struct of Report::Experiment::Routers, by its key in files.
template <class Struct, class Number>
struct RouterFigure {
  const char* key;
  Number Struct::*member;
};

using RouterPoint = Report::Experiment::Routers::Point;
inline constexpr std::array<RouterFigure<RouterPoint, double>, 4> point_figures{
    {{"epsilon", &RouterPoint::epsilon},
     {"cosine", &RouterPoint::cosine},
     {"absolute_cosine", &RouterPoint::absolute_cosine},
     {"coupling", &RouterPoint::coupling}}};

using FrozenRouter = Report::Experiment::Routers::Frozen;
inline constexpr std::array<RouterFigure<FrozenRouter, std::optional<double>>, 7> frozen_figures{
    {{"alignment", &FrozenRouter::alignment},
     {"alignment_other", &FrozenRouter::alignment_other},
     {"share", &FrozenRouter::share},
     {"share_other", &FrozenRouter::share_other},
     {"directions", &FrozenRouter::directions},
     {"activation_routed", &FrozenRouter::activation_routed},
     {"activation_all", &FrozenRouter::activation_all}}};

}  // namespace pastonly
