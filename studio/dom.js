// Elements in one call: h('button.primary', {onclick, title, 'aria-pressed': true}, 'text', child). No styles in attributes: the
// page's content policy forbids them; `vars` sets custom properties.

const SVG = 'http://www.w3.org/2000/svg';

export function h(name, ...rest) {
  const [tag, ...classes] = name.split('.');
  const element = document.createElement(tag || 'div');
  if (classes.length) element.className = classes.join(' ');
  const given = rest[0];
  if (given && given.constructor === Object) set(element, rest.shift());
  element.append(...rest.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Sets properties (onclick, value, checked, ...), attributes and custom properties. */
export function set(element, properties) {
  for (const [key, value] of Object.entries(properties)) {
    if (key === 'vars') for (const [name, v] of Object.entries(value)) element.style.setProperty(name, v);
    else if (key.startsWith('on') || ['value', 'checked', 'disabled', 'hidden', 'draggable', 'selected', 'tabIndex', 'open', 'indeterminate'].includes(key)) element[key] = value;
    else if (value === true) element.setAttribute(key, key.startsWith('aria-') ? 'true' : '');
    else if (value === false || value === undefined || value === null) key.startsWith('aria-') && value === false ? element.setAttribute(key, 'false') : element.removeAttribute(key);
    else element.setAttribute(key, value);
  }
  return element;
}

let pressed = null; // the button under a pointer that is down
const late = new Map(); // what elements shall hold when it is let go

/** A button that is replaced while it is pressed is not clicked: what holds it waits until it is let go, or has been clicked. */
function holdStill() {
  const release = () => {
    pressed = null;
    for (const [element, children] of [...late]) fill(element, children);
  };
  addEventListener('pointerdown', (event) => { pressed = event.target.closest?.('button, a, summary'); }, true);
  addEventListener('click', () => { pressed = null; }, true); // what the click does is seen at once
  for (const end of ['pointerup', 'pointercancel']) addEventListener(end, () => setTimeout(release), true);
  addEventListener('pointermove', (event) => pressed && !event.buttons && release(), true); // let go outside the window
}
if (typeof addEventListener === 'function') holdStill();

/** Replaces an element's children and keeps the focus on what bears the same data-key. */
export function fill(element, ...children) {
  if (pressed && element.contains(pressed)) {
    late.set(element, children);
    return;
  }
  late.delete(element);
  const key = element.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  element.replaceChildren(...children.flat(Infinity).filter(Boolean));
  if (key) element.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}

const PATHS = {
  undo: 'M9 7 4 12l5 5M4 12h10a6 6 0 0 1 0 12h-2', redo: 'M15 7l5 5-5 5M20 12H10a6 6 0 0 0 0 12h2',
  sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2v2M12 20v2M4 12H2M22 12h-2M5 5l1.5 1.5M17.5 17.5 19 19M19 5l-1.5 1.5M6.5 17.5 5 19',
  moon: 'M20 14.5A8.5 8.5 0 1 1 9.5 4a7 7 0 0 0 10.5 10.5Z', auto: 'M12 3a9 9 0 1 0 0 18V3ZM12 3a9 9 0 0 1 0 18',
  brush: 'M20 4 10 14M8.5 14.5a3 3 0 0 0-3 3c0 1.5-1 2.5-2.5 2.5 1 1 2.5 1.5 4 1.5a4 4 0 0 0 4-4.500Z', rect: 'M4 6h16v12H4Z',
  erase: 'M8 20h12M5 14 14 5l6 6-8.500 8.500H9ZM10 9l6 6', ellipse: 'M12 6c5 0 8.500 2.700 8.500 6s-3.500 6-8.500 6-8.500-2.700-8.500-6S7 6 12 6',
  plus: 'M12 5v14M5 12h14', close: 'M6 6l12 12M18 6 6 18', up: 'M6 15l6-6 6 6', down: 'M6 9l6 6 6-6', right: 'M9 6l6 6-6 6',
  eye: 'M2 12s4-6 10-6 10 6 10 6-4 6-10 6S2 12 2 12M12 9.500a2.500 2.500 0 1 0 0 5 2.500 2.500 0 0 0 0-5', off: 'M3 3l18 18M10 6.200A10 10 0 0 1 12 6c6 0 10 6 10 6a17 17 0 0 1-3 3.500M6 7.800C3.500 9.600 2 12 2 12s4 6 10 6a10 10 0 0 0 4-.8',
  dice: 'M3 7h3c5.500 0 5.500 10 11 10h4M3 17h3c2 0 3.300-1.300 4.300-3M13 10c1-1.700 2.200-3 4-3h4M18 4l3 3-3 3M18 14l3 3-3 3',
  lock: 'M6 11h12v9H6ZM8.500 11V8a3.500 3.500 0 0 1 7 0v3', unlock: 'M6 11h12v9H6ZM8.500 11V8a3.500 3.500 0 0 1 6.800-1.200',
  compare: 'M12 3v18M4 6h5v12H4ZM15 6h5v12h-5', trash: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13', curve: 'M3 19C9 19 9 5 13 5s3 9 8 9',
  history: 'M4 12a8 8 0 1 0 2.500-5.800M4 4v4h4M12 8v4l3 2', code: 'M8 7l-5 5 5 5M16 7l5 5-5 5', grid: 'M4 4h7v7H4ZM13 4h7v7h-7ZM4 13h7v7H4ZM13 13h7v7h-7Z',
  keys: 'M3 7h18v10H3ZM7 11h.01M11 11h.01M15 11h.01M8 14h8', image: 'M4 5h16v14H4ZM4 16l5-5 4 4 3-3 4 4M15.500 9.500h.01', heat: 'M12 3c1 4 5 5 5 10a5 5 0 0 1-10 0c0-2 1-3 2-4 0 2 1 3 2 3 1-3-1-5 1-9',
  sweep: 'M4 6h4v4H4ZM10 6h4v4h-4ZM16 6h4v4h-4ZM4 14h4v4H4ZM10 14h4v4h-4ZM16 14h4v4h-4', play: 'M8 5v14l11-7Z', stop: 'M7 7h10v10H7Z', more: 'M6 12h.01M12 12h.01M18 12h.01',
};

/** A line drawing of 24 x 24; decorative, its button says what it does. */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', name === 'undo' || name === 'redo' ? '0 3 24 24' : '0 0 24 24');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', PATHS[name]);
  svg.append(path);
  return svg;
}

/** A button that is an icon: its label is read aloud and shown on hover. */
export const iconButton = (name, label, onclick, more = {}) =>
  h('button.icon-button', { type: 'button', title: label, 'aria-label': label, onclick, 'data-key': label, ...more }, icon(name));

/** Calls later, once, with the last arguments; `now` does at once what is to be done later, if anything. */
export function debounce(wait, call) {
  let timer;
  let given;
  const run = () => {
    timer = undefined;
    call(...given);
  };
  const later = (...args) => {
    given = args;
    clearTimeout(timer);
    timer = setTimeout(run, wait);
  };
  later.now = () => {
    if (timer === undefined) return;
    clearTimeout(timer);
    run();
  };
  return later;
}

/** At most once a frame. */
export function eachFrame(call) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      call();
    });
  };
}
