#include "report/html_style.h"

namespace pastonly::report {

std::string_view html_style() noexcept {
  return R"(:root{color-scheme:light dark;--bg:#fff;--fg:#1f2328;--muted:#57606a;--rule:#d0d7de;--card:#f6f8fa;
--bad:#b3261e;--warn:#7a4f00;--good:#14602d;--link:#0550ae;--shade-up:#ff8a3d;--shade-down:#6cb6ff}
@media (prefers-color-scheme:dark){:root{--bg:#0d1117;--fg:#e6edf3;--muted:#9aa4af;--rule:#30363d;--card:#161b22;
--bad:#ff8a80;--warn:#f0b849;--good:#6fdd8b;--link:#79c0ff;--shade-up:#b03a08;--shade-down:#1a5fc4}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
header,nav,main,footer{max-width:64rem;margin:0 auto;padding:0 1rem}
header{padding-top:1.5rem}
h1{font-size:1.1rem;font-weight:600;margin:0 0 .5rem}
h2{font-size:1.35rem;margin:2.5rem 0 .5rem;padding-top:.5rem;border-top:1px solid var(--rule)}
h3{font-size:1.05rem;margin:1.2rem 0 .3rem}
p{margin:.5rem 0;max-width:48rem}
a{color:var(--link)}
.skip{position:absolute;left:-100rem}.skip:focus{left:1rem;top:1rem;background:var(--bg);padding:.5rem}
.verdict{display:inline-block;font-size:2rem;line-height:1.2;font-weight:700;text-transform:uppercase;
border:3px solid currentColor;border-radius:.5rem;padding:.2rem .9rem;margin:0 0 .5rem}
.pass{color:var(--good)}.fail,.error{color:var(--bad)}.inconclusive,.warning{color:var(--warn)}.note{color:var(--muted)}
.reason{font-size:1.1rem}
.muted,figcaption,caption{color:var(--muted)}
nav ul{list-style:none;margin:1rem 0 0;padding:0;display:flex;flex-wrap:wrap;gap:.3rem 1.2rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;margin:1rem 0}dt{color:var(--muted)}dd{margin:0}
article{background:var(--card);border:1px solid var(--rule);border-left:5px solid var(--muted);border-radius:.4rem;
padding:.2rem 1rem .6rem;margin:1rem 0}
article.is-error{border-left-color:var(--bad)}article.is-warning{border-left-color:var(--warn)}
.tag{font-weight:700;text-transform:uppercase;font-size:.8rem;letter-spacing:.03em}
.scroll{overflow-x:auto;max-width:100%;position:relative}
table{border-collapse:collapse;font-size:.9rem;margin:.4rem 0;font-variant-numeric:tabular-nums}
caption{text-align:left;padding:.2rem 0;font-size:.9rem}
th,td{text-align:left;vertical-align:top;padding:.25rem .8rem .25rem 0;border-bottom:1px solid var(--rule);
overflow-wrap:normal;max-width:26rem}
thead th{color:var(--muted);font-weight:600}tbody th{font-weight:600}
figure{margin:1.2rem 0;break-inside:avoid}
figcaption{font-size:.9rem;max-width:48rem}
summary{cursor:pointer;color:var(--link);padding:.25rem 0;font-size:.9rem}
svg{display:block;max-width:100%;min-width:42rem;height:auto;background:none;color:inherit}
.narrow svg{min-width:0}svg .small{opacity:1}svg .above{fill:var(--shade-up)}svg .below{fill:var(--shade-down)}svg .crime{fill:var(--bad)}
.seen{fill:currentColor;fill-opacity:.13}.redrawn{fill:var(--bad)}.mark{stroke:currentColor;stroke-width:2;fill:none}
ol.steps{padding-left:1.4rem}footer{padding-bottom:2rem;color:var(--muted);font-size:.9rem}
@media (max-width:30rem){dl{grid-template-columns:1fr}dt{margin-top:.4rem}.verdict{font-size:1.5rem}}
@media print{:root{--bg:#fff;--fg:#000;--muted:#444;--rule:#999;--card:#fff;--bad:#b3261e;--warn:#7a4f00;--good:#14602d;
--link:#000;--shade-up:#ff8a3d;--shade-down:#6cb6ff}nav,.skip{display:none}.scroll{overflow:visible}
svg{min-width:0}article{break-inside:avoid}details::details-content{content-visibility:visible;block-size:auto}}
)";
}

}  // namespace pastonly::report
