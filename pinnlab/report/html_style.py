"""The style sheet of the report: light and dark, wide and narrow, on paper."""

CSS = """
:root {
  color-scheme: light dark;
  --page: #ffffff; --ink: #1f2430; --muted: #626b7a; --line: #e1e5eb; --panel: #f6f7f9;
  --good: #0b6b47; --good-bg: #e4f5ec; --open: #8a5a00; --open-bg: #fdf3dc;
  --bad: #a3231a; --bad-bg: #fdeae8; --accent: #0066a6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #15181e; --ink: #e6e9ef; --muted: #9aa4b2; --line: #2c323c; --panel: #1d222a;
    --good: #7fdcb0; --good-bg: #14322a; --open: #f1c76a; --open-bg: #362c14;
    --bad: #ff9c92; --bad-bg: #3d1c1a; --accent: #6bb8f0;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body {
  margin: 0 auto; padding: 1.25rem clamp(0.9rem, 3vw, 2rem) 4rem; max-width: 62rem;
  background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
  overflow-wrap: break-word;
}
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0.5rem 0 0.8rem; font-weight: 650; }
h2 {
  font-size: 1.2rem; margin: 2.4rem 0 0.8rem; padding-bottom: 0.3rem; font-weight: 620;
  border-bottom: 1px solid var(--line);
}
h3 { font-size: 1rem; margin: 1.3rem 0 0.5rem; font-weight: 620; }
p { margin: 0.5rem 0; }
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; }
nav {
  margin: 0.9rem 0 0; display: flex; flex-wrap: wrap; gap: 0.3rem 1.1rem;
  font-size: 0.92rem;
}
code, pre {
  font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
  font-size: 0.9em;
}
.banner { border-left: 0.35rem solid; border-radius: 0.4rem; padding: 0.75rem 1rem; }
.banner .status {
  font-weight: 650; text-transform: uppercase; font-size: 0.78rem; letter-spacing: 0.06em;
}
.banner p { margin: 0.2rem 0 0; font-size: 1.06rem; color: var(--ink); }
.good { color: var(--good); background: var(--good-bg); }
.open { color: var(--open); background: var(--open-bg); }
.bad { color: var(--bad); background: var(--bad-bg); }
.facts {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: 0.7rem;
  margin: 1rem 0 0;
}
.facts div {
  background: var(--panel); border-radius: 0.4rem; padding: 0.55rem 0.8rem; min-width: 0;
}
.facts dt, .label { color: var(--muted); font-size: 0.8rem; }
.facts dd {
  margin: 0; font-size: 1.12rem; font-weight: 600; font-variant-numeric: tabular-nums;
}
dl { margin: 0; }
.scroll { overflow-x: auto; margin: 0.6rem 0; }
table { border-collapse: collapse; font-size: 0.93rem; min-width: min(100%, 22rem); }
th, td {
  text-align: left; padding: 0.35rem 0.9rem 0.35rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top;
}
th { font-weight: 600; color: var(--muted); font-size: 0.84rem; white-space: nowrap; }
td.number, th.number {
  text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap;
  padding-left: 0.9rem;
}
td.number + td:not(.number), th.number + th:not(.number) { padding-left: 0.9rem; }
tr.sub td { color: var(--muted); }
tr.total td { font-weight: 600; }
.tag {
  display: inline-block; border-radius: 0.3rem; padding: 0 0.45rem; font-size: 0.78rem;
  font-weight: 600; line-height: 1.5; white-space: nowrap;
}
.plain { color: var(--muted); background: var(--panel); }
.missing { color: var(--muted); font-style: italic; }
.formulas { display: grid; grid-template-columns: minmax(0, 1fr); gap: 0.55rem; margin: 0.5rem 0; }
.formula { background: var(--panel); border-radius: 0.4rem; padding: 0.55rem 0.9rem; }
.formula .body { overflow-x: auto; overflow-y: hidden; padding: 0.15rem 0; }
math {
  font-size: 1.12em;
  font-family: "Latin Modern Math", "STIX Two Math", "Cambria Math", "DejaVu Math TeX Gyre", math;
}
.formula math { font-size: 1.22em; }
figure { margin: 1rem 0 1.6rem; }
figure img {
  display: block; max-width: 100%; height: auto; margin: 0 auto; background: #ffffff;
  border: 1px solid var(--line); border-radius: 0.4rem;
}
figcaption { color: var(--muted); font-size: 0.92rem; margin-top: 0.4rem; text-align: center; }
details > summary { cursor: pointer; font-weight: 620; }
.settings { columns: 2 22rem; column-gap: 2.2rem; }
.settings section { break-inside: avoid; margin-bottom: 0.9rem; }
.settings h3 { margin: 0 0 0.1rem; }
.settings { margin-top: 0.7rem; }
.settings table { width: 100%; min-width: 0; font-size: 0.88rem; }
.settings td { padding-right: 0.6rem; overflow-wrap: anywhere; }
.settings td:first-child { overflow-wrap: normal; white-space: nowrap; }
.settings td:last-child { text-align: right; padding-right: 0; white-space: nowrap; }
.default { color: var(--muted); }
ul { margin: 0.4rem 0; padding-left: 1.2rem; }
footer { margin-top: 3rem; color: var(--muted); font-size: 0.85rem; }
@media (max-width: 34rem) {
  body { font-size: 15px; }
  h1 { font-size: 1.4rem; }
  th, td { padding-right: 0.6rem; }
}
@media print {
  :root {
    --page: #ffffff; --ink: #000000; --muted: #444444; --line: #cccccc; --panel: #f6f6f6;
    --good: #0b6b47; --good-bg: #ffffff; --open: #8a5a00; --open-bg: #ffffff;
    --bad: #a3231a; --bad-bg: #ffffff; --accent: #000000;
  }
  body { max-width: none; padding: 0; font-size: 10.5pt; }
  nav { display: none; }
  figure, .formula, .facts, tr { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  .scroll, .formula .body { overflow: visible; }
}
"""
