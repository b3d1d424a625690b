#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "audits/shared/seen_router.h"
#include "pastonly/chart.h"
#include "pastonly/trace.h"

namespace pastonly::audits {

/// Whether a picture is made of a layer: of the first, the middle and the last of `layers`; of wide ones,
/// whose pictures are large, of the middle alone.
bool is_layer_drawn(std::size_t position, std::size_t layers, std::size_t experts);

/// A square of numbers, (N, N), of one layer.
Chart square_chart(std::string id, LayerIndex layer, std::string_view title, std::span<const double> values,
                   std::size_t experts);

/// Router rows in a plane, twice: by their two principal components, and by a map of neighbours (t-SNE, which
/// needs 8 rows at least and 512 at most). Points are coloured by their expert's load in the trace, where
/// that is known.
std::vector<Chart> plane_charts(const SeenRouter& router, const Trace& trace);

}  // namespace pastonly::audits
