// One style for all sign-in pages. Colours are pairs that hold 4.5:1 in light and in dark.

export const PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --ground: light-dark(#f4f3ee, #14161a);
  --card: light-dark(#ffffff, #1c1f25);
  --line: light-dark(#dedbd1, #323741);
  --text: light-dark(#1d2025, #eceae4);
  --soft: light-dark(#5c6068, #a5abb6);
  --accent: light-dark(#0f6b5c, #5fd0b8);
  --on-accent: light-dark(#ffffff, #08221d);
  --danger: light-dark(#a3321f, #ff9b87);
  --danger-ground: light-dark(#fbeeea, #33201d);
  --field: light-dark(#faf9f6, #15181d);
}
* { box-sizing: border-box; }
html { height: 100%; }
body {
  margin: 0; min-height: 100%; padding: 24px 16px;
  display: flex; flex-direction: column; align-items: center; justify-content: center; gap: 20px;
  background: var(--ground); color: var(--text);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
header { display: flex; align-items: center; gap: 10px; font-weight: 650; letter-spacing: -0.01em; }
header svg {
  width: 26px; height: 26px; fill: none; stroke: var(--accent); stroke-width: 2.2;
  stroke-linecap: round;
}
main {
  width: 100%; max-width: 440px; padding: 36px 36px 32px;
  background: var(--card); border: 1px solid var(--line); border-radius: 16px;
  box-shadow: 0 1px 2px rgb(0 0 0 / 5%), 0 12px 32px rgb(0 0 0 / 7%);
}
footer { color: var(--soft); font-size: 13px; text-align: center; }
h1 {
  text-wrap: balance; margin: 0 0 10px; font-size: 24px; line-height: 1.25; letter-spacing: -0.02em;
}
p { margin: 0 0 18px; color: var(--soft); }
p strong { color: var(--text); }
form { margin: 0; }
label { display: block; margin-bottom: 6px; font-weight: 600; font-size: 14px; }
.code, input[type="text"] {
  display: block; width: 100%; padding: 16px 12px; margin: 0 0 18px;
  border: 1px solid var(--line); border-radius: 10px; background: var(--field); color: var(--text);
  font: 600 28px/1.2 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
  letter-spacing: 0.12em; text-align: center; overflow-wrap: anywhere;
}
input[type="text"] { text-transform: uppercase; }
input[type="text"]::placeholder { color: var(--soft); opacity: 0.55; }
dl {
  display: grid; grid-template-columns: auto 1fr; gap: 6px 16px; margin: 0 0 22px; font-size: 14px;
}
dt { color: var(--soft); }
dd { margin: 0; text-align: right; overflow-wrap: anywhere; }
button, .button {
  display: block; width: 100%; padding: 13px 16px; border-radius: 10px;
  border: 1px solid transparent;
  font: inherit; font-weight: 600; text-align: center; text-decoration: none; cursor: pointer;
}
button.go, a.go { background: var(--accent); color: var(--on-accent); }
button.go:hover, a.go:hover { filter: brightness(1.08); }
button.deny {
  margin-top: 10px; background: transparent; border-color: var(--line); color: var(--danger);
}
button.deny:hover { background: var(--danger-ground); }
button:focus-visible, a:focus-visible, input:focus-visible {
  outline: 3px solid var(--accent); outline-offset: 2px;
}
.alert {
  margin: 0 0 18px; padding: 12px 14px; border-radius: 10px; font-size: 15px;
  background: var(--danger-ground); color: var(--danger);
}
.notice {
  margin: 22px 0 0; padding: 14px 0 0; border-top: 1px solid var(--line);
  font-size: 14px; white-space: pre-line; overflow-wrap: anywhere;
}
.mark {
  display: grid; place-items: center; width: 52px; height: 52px; margin: 0 0 18px;
  border-radius: 50%; background: var(--accent); color: var(--on-accent);
}
.mark svg {
  width: 26px; height: 26px; fill: none; stroke: currentColor; stroke-width: 2.6;
  stroke-linecap: round; stroke-linejoin: round;
}
.mark.bad { background: var(--danger-ground); color: var(--danger); }
main > p:last-child { margin-bottom: 0; }
@media (max-width: 480px) { main { padding: 28px 22px 24px; } .code { font-size: 24px; } }
`;
