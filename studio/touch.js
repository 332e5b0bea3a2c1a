// Fingers: one that moves along a page scrolls it. One that rests a moment, or moves sideways, means what it lies on.

const REST = 350; // ms
const STILL = 8; // px

/**
 * Calls act(event) with a pointer's beginning when it is meant: of a mouse or a pen at once. The element has touch-action pan-y;
 * move(event) and end(event) follow as the pointer does. act returns whether it does anything.
 */
export function whenMeant(element, { act, move, end, lost = end }) {
  let waiting = null; // the beginning of a finger's touch that may yet be a scroll
  let acting = null; // the pointer that does
  let timer;
  const forget = () => {
    clearTimeout(timer);
    waiting = null;
    delete element.dataset.held;
  };
  const begin = (event) => {
    forget();
    if (!act(event)) return;
    acting = event.pointerId;
    element.setPointerCapture(event.pointerId);
    element.dataset.held = '';
  };
  element.addEventListener('pointerdown', (event) => {
    if (waiting) return forget(); // two fingers
    if (event.button || acting !== null) return;
    if (event.pointerType !== 'touch') return begin(event);
    waiting = event;
    timer = setTimeout(() => {
      begin(event);
      if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.(12); // else the browser complains
    }, REST);
  });
  element.addEventListener('pointermove', (event) => {
    if (waiting) {
      const [x, y] = [event.clientX - waiting.clientX, event.clientY - waiting.clientY];
      if (Math.abs(x) > STILL && Math.abs(x) > Math.abs(y)) begin(waiting);
      else if (Math.hypot(x, y) > STILL) forget();
    }
    if (acting === event.pointerId) move(event, true);
    else if (event.pointerType !== 'touch') move(event, false);
  });
  const finish = (how) => (event) => {
    forget();
    if (acting !== event.pointerId) return;
    acting = null;
    how(event);
  };
  element.addEventListener('pointerup', finish(end));
  element.addEventListener('pointercancel', finish(lost));
  element.addEventListener('touchmove', (event) => acting !== null && event.cancelable && event.preventDefault(), { passive: false }); // it scrolls no more
  element.addEventListener('contextmenu', (event) => (acting !== null || waiting) && event.preventDefault());
}
