/**
 * The look of <weir-player>: the picture, a message over it, below the circle
 * that browsers turn with their controls, and a line about the delay.
 */
export const style = `
:host { display: block; position: relative; overflow: hidden; aspect-ratio: 16 / 9; background: #000; color: #fff;
  font: 14px/1.4 system-ui, sans-serif; }
:host([hidden]) { display: none; }
video { display: block; width: 100%; height: 100%; }
[role="status"] { position: absolute; inset: 0; display: grid; place-content: center; padding: 1em; margin: 0;
  text-align: center; background: rgb(0 0 0 / 55%); pointer-events: none; }
:host([controls]) [role="status"] { padding-top: 6em; }
[role="status"]:empty { display: none; }
.delay { position: absolute; top: 0.6em; right: 0.6em; margin: 0; padding: 0 0.5em; border-radius: 6px;
  background: rgb(0 0 0 / 60%); font-size: 0.85em; font-variant-numeric: tabular-nums; opacity: 0; transition: opacity 0.2s; }
:host(:hover) .delay:not(:empty), :host(:focus-within) .delay:not(:empty) { opacity: 1; }
button { position: absolute; top: 0.6em; left: 0.6em; padding: 0.4em 0.9em; border: 0; border-radius: 8px;
  background: #fff; color: #15202b; font: inherit; font-weight: 600; cursor: pointer; }
button.begin { inset: 0; width: 4.6em; height: 4.6em; margin: auto; padding: 0; border-radius: 50%; }
button:focus-visible { outline: 3px solid #3bc9db; outline-offset: 2px; }
button[hidden] { display: none; }
@media (prefers-reduced-motion: reduce) { .delay { transition: none; } }
`;
