// Every text of the page. To translate it, translate this file.

const count = (n, one, many) => `${n} ${n === 1 ? one : many}`;
const short = (x) => (Math.abs(x) >= 10 ? x.toFixed(1) : String(Math.round(x * 100) / 100));
const quote = (text) => (text ? `“${text.length > 40 ? `${text.slice(0, 39)}…` : text}”` : '“…”');

export const T = {
  name: 'corepulse studio',
  skip: 'Skip to the score',
  head: {
    undo: 'Undo (Ctrl+Z)', redo: 'Redo (Ctrl+Shift+Z)', keys: 'Keyboard', model: 'Model', theme: { auto: 'Colours: as the system', light: 'Colours: light', dark: 'Colours: dark' },
  },
  connection: {
    on: 'Connected', away: 'The server is away. Nothing is lost: the page tries again every few seconds.',
    back: 'The server is back.', retry: 'Try now',
    locked: 'The server wants its token. Open the address with ?token=… once, as it printed it when it started.',
  },
  draw: {
    button: 'Draw', again: 'Draw again', stop: 'Stop', queued: (n) => (n > 0 ? `Waiting: number ${n + 1} in the queue` : 'Waiting for the engine'),
    step: (step, steps, sigma, pass) => `${pass > 1 ? `Pass ${pass}: step` : 'Step'} ${step} of ${steps} · σ ${sigma === undefined || sigma === null ? '–' : short(sigma)}`, begins: 'Drawing.', half: 'Half of it is drawn.', done: (s) => `Done in ${s.toFixed(1)} s`,
    cancelled: 'Stopped.', interrupted: 'The server was restarted while it drew. Draw again to repeat it.', failed: 'It could not be drawn.',
    full: 'The queue is full. Try again in a moment.', edited: (n) => `${count(n, 'live change', 'live changes')} in this picture`,
    live: 'Live', liveHint: 'Changes to the score act at the next step while it draws',
    seed: 'Seed', newSeed: 'Another seed', locked: 'Seed stays the same for every picture', unlocked: 'Another seed for every picture',
    stopping: 'Stopping…', held: 'Live waits: the picture that is being drawn is another recipe’s.',
    reattached: 'A picture is being drawn; here it is again.',
  },
  stage: {
    label: 'Picture', empty: 'Your picture appears here',
    first: 'A cat becomes a dragon', firstText: 'The prompt says “a cat in a park”. On the score, “a dragon” is painted over middle:0, the block that decides what the object is. Everything else still reads the cat.',
    firstButton: 'Draw it', alt: (prompt, seed) => `${prompt || 'Picture'}, seed ${seed}`, preview: (step) => `Preview at step ${step}`,
    compare: 'Before / after', compareHint: 'Beside the plain run: same prompt and seed, no tracks', plain: 'plain', controlled: 'with the score',
    comparing: 'Drawing the plain run to compare with…', slider: 'How much of the plain picture is shown', heat: 'Heat maps',
    heatHint: 'Ask where each word was looked at; point at a word to see it', heatNone: (word, on) => `No heat map of “${word}”: ${on ? 'draw again to have one' : 'turn on heat maps and draw'}`,
    heatLeft: (word) => `No heat map of “${word}”: the first 16 words of two letters or more have one`, heatPlain: (word) => `No heat map of “${word}”: only prompts in plain syntax have them`, heatOf: (word) => `Where it looked at “${word}”`,
    save: 'Save picture', previous: 'Previous picture', next: 'Next picture', many: (i, n) => `Picture ${i} of ${n}`, drop: 'Drop a picture or a recipe to take over what made it',
  },
  region: {
    label: 'Region tools', of: 'Draws on', track: (title) => `the region of ${title}`, part: (i, prompt) => `part ${i + 1}: ${prompt || '…'}`, mask: 'the inpainting mask',
    target: 'attention target', none: 'Choose a track, or start from a picture, to draw where it acts', tool: { view: 'Look', rectangle: 'Rectangle', ellipse: 'Ellipse', brush: 'Brush', rubber: 'Rubber' },
    feather: 'Feather', size: 'Size', invert: 'Invert', clear: 'Everywhere', clearHint: 'Without a region it acts everywhere', add: 'Add', addHint: 'A new shape joins the region instead of replacing it',
    box: ['x', 'y', 'width', 'height'], everywhere: 'everywhere', kinds: { rectangle: 'rectangle', ellipse: 'ellipse', circle: 'circle', picture: 'brush mask', attention: 'where words are looked at', polygon: 'polygon', linear: 'gradient', radial: 'radial', add: 'union', subtract: 'difference', multiply: 'overlap' },
  },
  init: {
    start: 'Start from a file', remove: 'Start from noise', strength: 'Change', mask: 'Inpaint a part', unmask: 'Repaint all', use: 'Start from this', only: 'Only around the mask',
    failed: 'That file is not a picture the server can read (PNG, JPEG or WebP).',
  },
  prompt: {
    label: 'Prompt', negative: 'Negative prompt', placeholder: 'What should be drawn?', tokens: 'Words as the model reads them',
    help: 'Click a word to mask it. Drag up or down, or use the arrow keys, to change its weight.', cut: (text) => `Not read, beyond the limit: ${text}`,
    used: (n, limit, chunks) => (chunks > 1 ? `${n} tokens, ${chunks} × ${limit}` : `${n} of ${limit} tokens`), chip: (word, weight, masked) => `${word}${masked ? ', masked' : weight !== 1 ? `, weight ${short(weight)}` : ''}`, syntax: 'Syntax', masked: 'masked',
    syntaxes: { plain: 'plain', a1111: 'A1111', comfy: 'ComfyUI', compel: 'compel' },
  },
  settings: {
    steps: 'Steps', guidance: 'Guidance', width: 'Width', height: 'Height', sampler: 'Sampler', schedule: 'Schedule', own: 'model', seeds: 'Seeds', more: 'Settings',
  },
  score: {
    title: 'Score', tools: 'Score tools', gridLabel: 'Score: blocks and steps', step: 'step', sigma: 'sigma',
    help: 'Arrow keys move, Space paints or erases, Shift with arrows selects, digits set the strength, [ and ] set where the window begins and ends, Enter unfolds a block, + and - choose a track.',
    tool: { brush: 'Brush', rect: 'Rectangle', erase: 'Eraser', curve: 'Curve: drag points, double-click adds or removes one' },
    brushWith: (name) => name, brushLevel: (name) => `Brush: ${name}`, unfoldAll: 'Unfold layers', foldAll: 'Fold',
    acts: (a) => {
      if (a.state === 'disabled') return 'switched off';
      if (a.state === 'neutral') return `changes nothing${a.reason ? `: ${a.reason}` : ''}`;
      const when = a.steps === a.ofSteps ? `all ${a.ofSteps} steps` : `${a.steps} of ${a.ofSteps} steps`;
      return a.lane ? `acts on ${when}` : `acts on ${when}, ${a.layers} of ${a.ofLayers} ${a.blocks ? 'blocks' : 'layers'}`;
    },
    paintMe: 'Painted nowhere yet: drag over the blocks and steps where it should act.', keptOnly: 'This one has no cells. It is kept as it is; edit it as JSON below.',
    noTrack: 'Add a track, then paint it over blocks and steps.', laneOnly: (title) => `${title} has steps alone: paint in its own lane below the blocks.`,
    at: (s) => `step ${s.step} · σ ${short(s.sigma)}`, unfold: (b) => `Show the layers of ${b.name}`,
    blockLabel: (b) => `${b.name}, ${b.group ?? ''}, grid ${b.width}, ${count(b.count, 'layer', 'layers')}`, blockNote: (b) => `${b.width}²·${b.count}`,
    voice: (title, level) => `${title} ${short(level)}`, cell: (row, step, sigma, voices) => `${row}, step ${step}, sigma ${short(sigma)}: ${voices.length ? voices.join('; ') : 'the prompt alone'}`,
    waiting: 'Reading the model’s blocks…',
  },
  kinds: {
    __proto__: null,
    inject: 'Inject a prompt', reweight: 'Reweight words', mask_tokens: 'Mask words', replace_tokens: 'Replace words', value_gain: 'Value gain', regions: 'Prompts by region', attend: 'Look at a part',
    temperature: 'Temperature', smooth: 'Smooth', share: 'Share another image', prompt_to_prompt: 'Prompt to prompt', normalized_guidance: 'Normalised guidance', guide_by: 'Guide by', lora: 'LoRA', controlnet: 'ControlNet', picture_prompt: 'Picture prompt', capture: 'Capture',
    freeu: 'FreeU', features: 'Features of another', blend: 'Blend with an image', rescaled_guidance: 'Rescaled guidance', zero_star_guidance: 'CFG-Zero*', tangential_guidance: 'Tangential guidance', projected_guidance: 'Projected guidance',
    frequency_guidance: 'Frequency guidance', skimmed_guidance: 'Skimmed guidance', thresholded_guidance: 'Dynamic thresholds',
    guidance: 'Guidance', negative: 'Negative', pooled: 'Pooled prompt', time_ids: 'Size and crop',
  },
  lanes: {
    __proto__: null,
    rescaled_guidance: 'Rescaled', zero_star_guidance: 'CFG-Zero*', tangential_guidance: 'Tangential', projected_guidance: 'Projected', frequency_guidance: 'Frequency', skimmed_guidance: 'Skimmed', thresholded_guidance: 'Thresholds', pooled: 'Pooled', time_ids: 'Size, crop',
  },
  kindHints: {
    inject: 'The painted cells read another prompt', reweight: 'Some words count more or less', mask_tokens: 'Some words are not read', replace_tokens: 'Some words are read as others', value_gain: 'What words say, louder or turned around',
    regions: 'Each part of the picture reads its own prompt', attend: 'Pixels look more or less at a part', temperature: 'Sharper or softer attention', smooth: 'Look at everything alike', share: 'Look at another image of the batch',
    normalized_guidance: 'Away from a prompt, without guidance', guide_by: 'Away from what a worse attention predicts', lora: 'Weights from a file', controlnet: 'A picture of edges, a pose, depths leads', guidance: 'Guidance over the steps', negative: 'Another negative prompt in a window',
    picture_prompt: 'Pictures are read like words (IP-Adapter)', freeu: 'Features inside count more, skips less', rescaled_guidance: 'Strong guidance without grey or glare',
    zero_star_guidance: 'The negative prompt’s prediction, sized to the prompt’s', tangential_guidance: 'Of the negative prompt what it shares with the prompt (TCFG)', projected_guidance: 'Strong guidance without harsh colours (APG)',
    frequency_guidance: 'Coarse and fine parts guided apart (FDG)', skimmed_guidance: 'No guidance too far from the picture', thresholded_guidance: 'Colours as of a weaker guidance',
  },
  levels: { strength: 'strength', scale: 'scale', gain: 'gain', value: 'temperature', cross: 'cross', b1: 'b1', parallel: 'parallel', high: 'high', mimic: 'mimic' },
  fields: {
    prompt: 'prompt', phrase: 'words', with: 'read as', gain_k: 'key gain', gain_v: 'value gain', occurrence: 'occurrence', tokens: 'tokens', context: 'context', attention: 'attention', how: 'how', image: 'image',
    limit: 'limit', strength: 'strength', perturb: 'perturb', blur_sigma: 'blur σ', file: 'file', text_strength: 'text strength', base_share: 'base share', rows: 'rows', heads: 'heads', images: 'images', scale: 'scale', prepare: 'prepare', fit: 'fit', low: 'low', high: 'high', amount: 'amount', seed: 'seed',
    where: 'where', b2: 'b2', s1: 's1', s2: 's2', version: 'version', stages: 'stages', zero_steps: 'zero steps', of: 'of', momentum: 'momentum', full_negative: 'skim the negative wholly', filter: 'only away from the picture', percentile: 'percentile', threshold: 'threshold',
    shift: 'shift', fidelity: 'fidelity', align: 'take its statistics', align_values: 'of values, too',
  },
  choices: {
    rows: { cond: 'prompt', uncond: 'negative prompt', both: 'both' }, context: { keep: 'unchanged', reencode: 'without it', replace: 'read anew' },
    attention: { self: 'within the picture', cross: 'to the words', both: 'both' }, perturb: { identity: 'each pixel alone', blur: 'blurred', tokens: 'without the words', map: 'blurred where it looks' },
    how: { with: 'beside its own', union: 'beside its own (older)', instead: 'instead of its own', map: 'its layout', add: 'beside the words', share: 'among the words' },
    prepare: { none: 'as it is', canny: 'edges', invert: 'inverted', blur: 'blurred', tile: 'coarse', shuffle: 'shuffled', mask: 'as a mask' },
  },
  tracks: {
    title: 'Tracks', add: 'Add track', label: 'Tracks, in the order they act', on: (t) => `Switch off ${t}`, off: (t) => `Switch on ${t}`, remove: (t) => `Remove ${t}`, up: (t) => `Move ${t} up`, down: (t) => `Move ${t} down`,
    everywhere: 'Everywhere', nowhere: 'Nowhere', unit: 'Windows in', units: { steps: 'steps', sigma: 'sigma', progress: 'progress' }, unitHint: 'Sigma windows keep their meaning when the number of steps changes',
    picture: 'Choose its picture', otherPicture: 'Another picture', pictures: 'Choose pictures', morePictures: 'More pictures', face: 'face', faces: 'Add faces’ vectors', noFace: 'That is no safetensors file with a face’s vector.', removePicture: (i) => `Remove picture ${i + 1}`, noFile: (folder) => `The server knows no such file: start it with ${folder}.`, folders: { controlnets: '--models and the ControlNet’s folder', adapters: '--models and the IP-Adapter’s folder', loras: '--loras FOLDER' }, allLevels: (name) => `${name}, all alike`, curve: 'Curve over the run', flat: 'One number', point: (i) => `Point ${i + 1}`, at: 'at', is: 'is', addPoint: 'Add point', removePoint: (i) => `Remove point ${i + 1}`, base: 'Prompt', baseNote: 'read wherever nothing is painted',
    part: 'Add a part', removePart: (i) => `Remove part ${i + 1}`, rows: 'rows', json: 'As JSON', apply: 'Apply', kept: 'Kept as it is', keptNote: 'The score cannot show this; it stays in the recipe.', details: 'More',
    parts: (n) => count(n, 'stretch', 'stretches'), draft: 'not painted yet', bad: 'This is not JSON: ', which: 'Which block?', moment: 'Which moment?', much: 'How much?', explore: 'Explore', choose: 'choose…', missing: 'say what', all: 'all',
  },
  panels: { history: 'History', recipe: 'Recipe', sweep: 'Sweep', close: 'Close panel', label: 'Panels', open: (name) => `Open ${name}` },
  history: {
    search: 'Search prompts', empty: 'No pictures yet. The first one you draw is kept here.', none: (q) => `No picture’s prompt holds “${q}”.`, restore: (p) => `Take over: ${p}`, remove: 'Remove this picture', removed: 'Removed from the history.',
    removeAsk: (n) => `Remove ${n > 1 ? `all ${n} pictures of this run` : 'this run and its picture'} for good? The server deletes the files.`, yes: 'Remove', no: 'Keep', list: 'Pictures, newest first', recent: 'Last pictures', count: (n, more) => `${n}${more ? '+' : ''} ${n === 1 ? 'picture' : 'pictures'}`, failed: 'The history could not be read.', again: 'Try again',
  },
  recipe: {
    label: 'Recipe as JSON', hint: 'This is all of it. Edit here or on the score: both are the same.', ok: 'The server would draw this.', bad: (line) => `Not JSON yet${line ? ` (line ${line})` : ''}: `, copy: 'Copy', copied: 'Copied.', save: 'Save as file', load: 'Open a file', named: 'Kept recipes', keep: 'Keep as', keepButton: 'Keep', forget: (n) => `Forget ${n}`, ask: { forget: (n) => `Forget the recipe “${n}” for good?`, replace: (n) => `“${n}” is kept already. Put this recipe in its place?` }, yes: { forget: 'Forget', replace: 'Replace' }, no: 'Leave it', forgotten: (n) => `Forgotten: ${n}`, none: 'Keep a recipe under a name to find it here.',
    form: (field) => (field === 'steps' ? '[steps] A run has 1 to 1000 steps.' : field ? `[${field}] this is not what a recipe has there.` : 'A recipe is one object: {"version": 1, "prompt": …}.'),
    starts: 'Recipes to start from', example: 'The example',
  },
  sweep: {
    intro: 'One recipe over many values: a sheet of pictures to choose from.', field: 'Field', values: 'Values', from: 'from', to: 'to', times: 'pictures', list: 'Values, with commas', run: (n) => `Draw ${count(n, 'picture', 'pictures')}`, second: 'Second axis', none: 'none', sheet: 'Sheet', reattached: 'A sweep is being drawn; here it is again.', running: (a, b) => `${a} of ${b} drawn`,
    take: (label) => `Take over: ${label}`, where: (t) => `${t}: where`, when: (t) => `${t}: when`, level: (t, l) => `${t}: ${l}`, stop: 'Stop', early: 'early', middle: 'middle', late: 'late', always: 'always', taken: 'Taken over. Undo brings back what was before.', nothing: 'Choose what changes. A track’s “Explore” buttons fill this in.', limit: (n) => `At most ${n} pictures here; corepulse sweep on the command line draws more.`,
  },
  files: { restored: (n) => `Taken over from the picture.${n ? ` ${n}` : ''} Undo brings back what was before.`, recipe: 'Recipe taken over.', unknown: 'No recipe was found in that file.', start: 'Used as the start picture.' },
  errors: { unknown: 'Something went wrong on the page: ', memory: (why) => `What this tab remembered could not be shown (${why}). The example is here instead.` },
  keys: {
    title: 'Keyboard', close: 'Close', letters: 'Shortcuts of a single key: G, T, P, B, R, E, C and ?', list: [
      ['Ctrl Enter', 'Draw'], ['Esc', 'Close what lies over the page, or stop drawing'], ['Ctrl Z / Ctrl Shift Z', 'Undo, redo'], ['G', 'To the score'], ['T', 'To the tracks'], ['P', 'To the prompt'],
      ['B R E C', 'Brush, rectangle, eraser, curve'], ['Arrows, Space', 'In the score: move, paint or erase'], ['Shift Arrows', 'In the score: select a rectangle of cells'], ['1 … 9, 0', 'In the score: strength 10 % … 100 %'], ['[ ]', 'In the score: window begins, ends here'],
      ['+ −', 'In the score: another track'], ['Enter', 'In the score: unfold a block'], ['Arrows, Space', 'On a word: weight, mask'], ['Alt drag', 'On the score: erase'], ['Shift drag', 'On the score: a rectangle'], ['?', 'This list'],
    ],
  },
  amounts: (levels, kind) => [...new Set((levels.every((l) => typeof l === 'number') && levels.length > 2 ? [Math.min(...levels), Math.max(...levels)] : levels).map((l) => T.amount(l, kind)))].join(levels.length > 2 ? ' … ' : ', '),
  amount: (value, kind) => (typeof value !== 'number' ? 'curve' : kind?.range?.[1] === 1 && kind.range[0] === 0 ? `${Math.round(value * 100)} %` : short(value)),
};

/** What a track is called: its words where it has some. */
export function titleOf(track) {
  const c = track.control;
  switch (track.kind) {
    case 'inject': case 'pooled': case 'negative': case 'prompt_to_prompt': return c.prompt || T.kinds[track.kind];
    case 'reweight': case 'value_gain': return `${c.phrase ?? c.tokens ?? '…'} × ${T.amount((track.controls[0] ?? c)[track.kind === 'reweight' ? 'scale' : 'gain'])}`;
    case 'mask_tokens': return `not ${quote(c.phrase ?? c.tokens)}`;
    case 'replace_tokens': return `${c.phrase ?? '…'} → ${c.with || '…'}`;
    case 'lora': case 'controlnet': case 'picture_prompt': return (c.file || T.kinds[track.kind]).replace(/\.safetensors$/, '');
    case 'guide_by': return `guide by ${c.perturb}`;
    case 'regions': return (c.prompts ?? []).map((p) => p.prompt || '…').join(' | ');
    default: return T.kinds[track.kind] ?? track.kind;
  }
}
