#include "model/score.h"

#include <algorithm>
#include <cmath>

#include "kernels/elementary.h"
#include "kernels/products.h"
#include "kernels/rows.h"
#include "stats/parallel.h"
#include "stats/random.h"

namespace pastonly::model {
namespace {

template <class Real>
Real softplus(Real x) {
  return x > Real{0} ? x + kernels::log1p(kernels::exp(-x)) : kernels::log1p(kernels::exp(x));
}
template <class Real>
Real sigmoid(Real x) {
  return Real{1} / (Real{1} + kernels::exp(-x));
}

template <class Real>
void add_noise(std::size_t first, std::size_t rows, RouterScores<Real>& out) {
  for (std::size_t t = first; t < first + rows; ++t) {
    const Real* clean = out.clean.row(t);
    const Real* noise = out.noise.row(t);
    const Real* draw = out.draws.row(t);
    Real* logits = out.logits.row(t);
    for (std::size_t e = 0; e < out.logits.columns(); ++e)
      logits[e] = clean[e] + draw[e] * softplus(noise[e]);
  }
}

template <class Real>
void score_cosine(Block<const Real> x, std::size_t first, RouterScores<Real>& out) {
  for (std::size_t i = 0; i < x.rows; ++i) {
    const Real length = std::sqrt(kernels::inner<Real>(x.row(i), x.row(i), x.columns));
    const Real inverse = length > Real{0} ? Real{1} / length : Real{0};
    out.inverse_length[first + i] = inverse;
    Real* logits = out.logits.row(first + i);
    kernels::scale(logits, out.logits.columns(), inverse);
    std::copy(logits, logits + out.logits.columns(), out.scores.row(first + i));
  }
}

template <class Real>
void score_autonomy(std::size_t first, std::size_t rows, RouterScores<Real>& out) {
  const std::size_t rank = out.down.columns() / out.scores.columns();
  for (std::size_t t = first; t < first + rows; ++t) {
    for (std::size_t e = 0; e < out.scores.columns(); ++e) {
      const Real* down = out.down.row(t) + e * rank;
      const Real norm = std::sqrt(kernels::inner<Real>(down, down, rank));
      out.scores.row(t)[e] = out.logits.row(t)[e] = norm;
    }
  }
}

}  // namespace

template <class Real>
void RouterScores<Real>::resize(const ModelConfig& config, std::size_t tokens) {
  logits.resize(tokens, config.experts);
  scores.resize(tokens, config.experts);
  if (config.router.score == Score::noisy) {
    for (auto* matrix : {&clean, &noise, &draws}) matrix->resize(tokens, config.experts);
  }
  if (config.router.score == Score::cosine) inverse_length.resize(tokens);
  if (config.router.score == Score::autonomy) down.resize(tokens, config.experts * config.autonomy_rank());
}

template <class Real>
void RouterScoreGradients<Real>::resize(const ModelConfig& config, std::size_t tokens) {
  scores.resize(tokens, config.experts);
  logits.resize(tokens, config.experts);
  if (config.router.score == Score::noisy) noise.resize(tokens, config.experts);
  if (config.router.score == Score::autonomy) down.resize(tokens, config.experts * config.autonomy_rank());
}

template <class Real>
void score(const ModelConfig& config, const RouterWeights<Real>& weights, Block<const Real> x,
           std::size_t first, RouterScores<Real>& out) {
  if (config.router.score == Score::autonomy) {
    kernels::product_nt<Real>(x, weights.down, out.down.block(first, x.rows));
    return score_autonomy(first, x.rows, out);
  }
  const bool noisy = config.router.score == Score::noisy;
  kernels::product_nt<Real>(x, weights.router, (noisy ? out.clean : out.logits).block(first, x.rows));
  if (config.router.score == Score::cosine) return score_cosine(x, first, out);
  if (noisy) {
    kernels::product_nt<Real>(x, weights.noise, out.noise.block(first, x.rows));
    add_noise(first, x.rows, out);
  }
  for (std::size_t t = first; t < first + x.rows; ++t) {
    if (config.router.score == Score::sigmoid) {
      kernels::logistic<Real>(out.logits.row(t), config.experts, out.scores.row(t));
    } else {
      kernels::softmax<Real>(out.logits.row(t), config.experts, out.scores.row(t));
    }
  }
}

template <class Real>
void draw_noise(const Layout& layout, std::uint64_t seed, bool training, RouterScores<Real>& out) {
  stats::parallel_for(layout.tokens(), [&](std::size_t t) {
    Real* row = out.draws.row(t);
    const std::uint64_t place = (std::uint64_t{t / layout.positions} << 32) | (t % layout.positions);
    stats::CounterRng random(seed, place);
    for (std::size_t e = 0; e < out.draws.columns(); ++e)
      row[e] = training ? static_cast<Real>(random.normal()) : Real{0};
  });
}

namespace {

/// dL/dlogits of one token from dL/dscores, added to what stands there.
template <class Real>
void logits_backward(const ModelConfig& config, std::size_t t, const RouterScores<Real>& forward,
                     RouterScoreGradients<Real>& gradients) {
  const Real* scores = forward.scores.row(t);
  const Real* d_scores = gradients.scores.row(t);
  Real* d_logits = gradients.logits.row(t);
  switch (config.router.score) {
    case Score::softmax:
    case Score::noisy:
      return kernels::softmax_backward<Real>(scores, d_scores, config.experts, d_logits);
    case Score::sigmoid:
      return kernels::logistic_backward<Real>(scores, d_scores, config.experts, d_logits);
    case Score::cosine:
    case Score::autonomy:
      return kernels::accumulate<Real>(d_logits, d_scores, config.experts);
  }
}

template <class Real>
void cosine_backward(Block<const Real> x, std::size_t first, const RouterScores<Real>& forward,
                     const RouterScoreGradients<Real>& gradients, Block<Real> dx) {
  // cos_i = x c_i / |x|: d cos_i / dx = c_i / |x| - cos_i x / |x|^2; dx holds sum_i dcos_i c_i.
  for (std::size_t i = 0; i < x.rows; ++i) {
    const std::size_t t = first + i;
    const Real inverse = forward.inverse_length[t];
    const Real along =
        kernels::inner<Real>(gradients.logits.row(t), forward.scores.row(t), gradients.logits.columns());
    kernels::scale(dx.row(i), dx.columns, inverse);
    kernels::accumulate<Real>(dx.row(i), x.row(i), dx.columns, -along * inverse * inverse);
  }
}

template <class Real>
void autonomy_backward(const ModelConfig& config, std::size_t first, std::size_t rows,
                       const RouterScores<Real>& forward, RouterScoreGradients<Real>& gradients) {
  const std::size_t rank = config.autonomy_rank();
  for (std::size_t t = first; t < first + rows; ++t) {
    for (std::size_t e = 0; e < config.experts; ++e) {
      const Real norm = forward.scores.row(t)[e];
      if (!(norm > Real{0})) continue;  // the norm has no slope at 0
      kernels::accumulate<Real>(gradients.down.row(t) + e * rank, forward.down.row(t) + e * rank, rank,
                                gradients.scores.row(t)[e] / norm);
    }
  }
}

}  // namespace

template <class Real>
void score_backward(const ModelConfig& config, const RouterWeights<Real>& weights, Block<const Real> x,
                    std::size_t first, const RouterScores<Real>& forward,
                    RouterScoreGradients<Real>& gradients, Block<Real> dx) {
  if (config.router.score == Score::autonomy) {
    autonomy_backward(config, first, x.rows, forward, gradients);
    return kernels::product_nn<Real>(gradients.down.block(first, x.rows), weights.down, dx);
  }
  for (std::size_t t = first; t < first + x.rows; ++t) logits_backward(config, t, forward, gradients);
  kernels::product_nn<Real>(gradients.logits.block(first, x.rows), weights.router, dx);
  if (config.router.score == Score::cosine) cosine_backward(x, first, forward, gradients, dx);
  if (config.router.score != Score::noisy) return;
  for (std::size_t t = first; t < first + x.rows; ++t) {
    for (std::size_t e = 0; e < config.experts; ++e) {
      gradients.noise.row(t)[e] =
          gradients.logits.row(t)[e] * forward.draws.row(t)[e] * sigmoid(forward.noise.row(t)[e]);
    }
  }
  kernels::product_nn<Real>(gradients.noise.block(first, x.rows), weights.noise, dx, kernels::Write::add);
}

#define PASTONLY_SCORE(Real)                                                                                \
  template struct RouterScores<Real>;                                                                       \
  template struct RouterScoreGradients<Real>;                                                               \
  template void score<Real>(const ModelConfig&, const RouterWeights<Real>&, Block<const Real>, std::size_t, \
                            RouterScores<Real>&);                                                           \
  template void draw_noise<Real>(const Layout&, std::uint64_t, bool, RouterScores<Real>&);                  \
  template void score_backward<Real>(const ModelConfig&, const RouterWeights<Real>&, Block<const Real>,     \
                                     std::size_t, const RouterScores<Real>&, RouterScoreGradients<Real>&,   \
                                     Block<Real>);
PASTONLY_SCORE(float)
PASTONLY_SCORE(double)
#undef PASTONLY_SCORE

}  // namespace pastonly::model
