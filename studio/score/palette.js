// Colours of tracks, in light and in dark, and what ink stands on them.

const LIGHT = ['#c8431f', '#0f766e', '#7442b8', '#9a6700', '#1f5fbf', '#2f7a34', '#ad2769', '#4b5563'];
const DARK = ['#ff8a5c', '#4fd1c0', '#b99dff', '#f0c04a', '#74b0ff', '#8ad67c', '#ff92c2', '#a9b4c8'];
export const HUES = LIGHT.length;

const parse = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
const numbers = (colour) => colour.match(/[\d.]+/g).slice(0, 3).map(Number); // of rgb(...), as the page computes colours
const luminance = (rgb) => {
  const [r, g, b] = rgb.map((v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};

/** The colour of a track's hue. */
export const hue = (index, dark) => (dark ? DARK : LIGHT)[index % HUES];

/** The same for style sheets, which know whether it is dark. */
export const hueVar = (index) => `light-dark(${hue(index, false)}, ${hue(index, true)})`;

/** The page's colours by their names in the style sheets, as rgb(...): whatever light, dark or the system's make of them. */
export function colours(names) {
  const probe = document.createElement('i');
  probe.hidden = true;
  probe.style.forcedColorAdjust = 'none';
  document.documentElement.append(probe);
  const found = names.map((name) => {
    probe.style.color = `var(--${name})`;
    return [name, getComputedStyle(probe).color];
  });
  probe.remove();
  return Object.fromEntries(found);
}

/** A hue over the paper, as strong as a share of 0..1; and the ink that is read on it. Both as CSS colours. */
export function makeInk(paper, ink) {
  const kept = new Map();
  const ground = numbers(paper);
  const dark = luminance(ground) < 0.2;
  return (index, share) => {
    const key = index * 64 + Math.round(share * 63);
    if (!kept.has(key)) {
      const part = 0.16 + 0.84 * (Math.round(share * 63) / 63);
      const mixed = parse(hue(index, dark)).map((v, i) => Math.round(ground[i] + (v - ground[i]) * part));
      const l = luminance(mixed);
      const text = 1.05 / (l + 0.05) > (l + 0.05) / 0.05 ? '#ffffff' : '#14120e';
      kept.set(key, { fill: `rgb(${mixed.join()})`, text, line: hue(index, dark), ink });
    }
    return kept.get(key);
  };
}

/** Hues of tracks by what they are: each keeps its own while others come, go and move. */
export function makeHues() {
  let known = [];
  return (tracks) => {
    const keys = tracks.map((t) => `${t.kind} ${t.control.prompt ?? t.control.phrase ?? ''}`);
    const next = keys.map((key, i) => ({ key, hue: known.find((k) => k.key === key)?.hue ?? (keys.length === known.length ? known[i].hue : undefined) }));
    const used = () => next.map((n) => n.hue);
    next.forEach((entry, i) => {
      if (entry.hue !== undefined && next.findIndex((n) => n.hue === entry.hue) === i) return;
      entry.hue = Array.from({ length: HUES }, (_, k) => k).find((k) => !used().includes(k)) ?? i % HUES;
    });
    known = next;
    return next.map((n) => n.hue);
  };
}
