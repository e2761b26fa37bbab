"""How a page looks: light or dark as the reader's system is, on paper, and on a telephone."""

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --ink: #1f2328; --dim: #636c76; --line: #d1d9e0; --paper: #ffffff; --card: #f6f8fa;
  --accent: #0969da; --c0: #0969da; --c1: #8250df; --c2: #bf3989; --c3: #1a7f37; --c4: #9a6700; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --dim: #9198a1; --line: #3d444d; --paper: #0d1117; --card: #151b23; --accent: #4493f8;
    --c0: #4493f8; --c1: #ab7df8; --c2: #db61a2; --c3: #3fb950; --c4: #d29922; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 75rem; padding: 1.5rem; background: var(--paper); color: var(--ink);
  font: 0.95rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
h1 { margin: 0; font-size: 1.5rem; }
h2 { margin: 0 0 0.75rem; font-size: 1.15rem; }
h3 { margin: 1rem 0 0.25rem; font-size: 0.95rem; }
header p, .note { margin: 0.15rem 0; color: var(--dim); }
.warning { margin: 0.5rem 0; padding: 0.5rem 0.75rem; border-left: 0.25rem solid var(--c4); background: var(--card); }
section { margin-top: 2rem; break-inside: avoid-page; }
figure { margin: 0 0 1rem; padding: 0.75rem; border: 1px solid var(--line); border-radius: 0.5rem; background: var(--card);
  overflow-x: auto; }
figcaption { margin-bottom: 0.5rem; color: var(--dim); }
figcaption i { display: inline-block; width: 0.7rem; height: 0.7rem; margin: 0 0.3rem 0 0.8rem; border-radius: 0.15rem; }
svg { display: block; width: 100%; min-width: 36rem; height: auto; }
svg text { fill: var(--dim); font-size: 12px; }
svg .name { fill: var(--ink); font-size: 13px; }
svg line { stroke: var(--line); }
.c0 { fill: var(--c0); background: var(--c0); } .c1 { fill: var(--c1); background: var(--c1); }
.c2 { fill: var(--c2); background: var(--c2); } .c3 { fill: var(--c3); background: var(--c3); }
.c4 { fill: var(--c4); background: var(--c4); } .bar { fill: var(--accent); } .none { fill: var(--line); opacity: 0.4; }
.scroll { overflow-x: auto; }
table { min-width: 45%; margin-bottom: 1rem; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.3rem 0.6rem; border-bottom: 1px solid var(--line); text-align: left; white-space: nowrap; }
th { color: var(--dim); font-weight: 600; }
td:first-child:not(.number) { min-width: 13rem; white-space: normal; overflow-wrap: anywhere; }
.number { text-align: right; }
tfoot td { border-bottom: 0; border-top: 2px solid var(--line); font-weight: 700; }
@media (max-width: 40rem) { body { padding: 0.75rem; } th, td { padding: 0.25rem 0.4rem; } }
@media print { body { max-width: none; padding: 0; } figure { background: none; } .scroll { overflow: visible; } }
"""
