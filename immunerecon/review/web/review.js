// Gate review: one module for a page of this machine, a notebook and the report.
//
// A host answers questions ("ask" -> reply and buffers); everything else is the same everywhere.
// Geometry lives on the display scale, 0 to 1; a plot shows a little more on both sides.

const LOW = -0.05;
const HIGH = 1.05;
const STEP = 0.004; // of the display, for one arrow key
const LONG_STEP = 0.02; // with Shift
const PAUSE = 150; // ms after an arrow key, in which the next one belongs to the same move
const FAR = 3.5; // robust standard deviations, from which a tube stands out
const DOUBTFUL = 0.5; // confidence below which a person should look
const BATCH = 24; // thumbnails asked for at once

// ---------------------------------------------------------------- hosts

/** The page that `immunerecon review` serves: questions go to the address that it came from. */
function pageHost() {
  return {
    readOnly: false,
    async ask(message) {
      const response = await fetch(new URL("ask", document.baseURI), {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(message),
      });
      if (!response.ok) throw new Error(await response.text());
      return unpack(await response.arrayBuffer());
    },
  };
}

/** A notebook: questions go to the kernel through anywidget's model. */
function notebookHost(model) {
  const waiting = new Map();
  let last = 0;
  model.on("msg:custom", (told, buffers) => {
    const done = waiting.get(told.id);
    if (!done) return; // another view of the same widget asked
    waiting.delete(told.id);
    const copies = buffers.map((view) =>
      view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength),
    );
    done({ reply: told.reply, buffers: copies });
  });
  const view = Math.random().toString(36).slice(2);
  return {
    readOnly: false,
    ask: (message) =>
      new Promise((done) => {
        const id = `${view}-${(last += 1)}`;
        waiting.set(id, done);
        model.send({ id, message });
      }),
  };
}

/** The report: everything that can be asked lies in the page, each tube deflated on its own. */
function reportHost(data) {
  const opened = new Map();
  const open = (file) => {
    if (!opened.has(file)) opened.set(file, inflate(data.tubes[file]).then(unpack));
    return opened.get(file);
  };
  const answers = {
    open: () => ({ reply: data.open, buffers: [] }),
    oddities: ({ population }) => ({ reply: { oddities: data.oddities[population] ?? {} }, buffers: [] }),
    tube: async ({ file }) => {
      const { reply } = await open(file);
      return { reply: { ...reply, axes: data.axes[reply.axes] }, buffers: [] };
    },
    densities: async ({ file, panels }) => {
      const { reply, buffers } = await open(file);
      const found = panels.map(([parent, x, y]) => reply.panels.findIndex((p) => p.parent === parent && p.x === x && p.y === y));
      const empty = new ArrayBuffer(0);
      return { reply: { panels: found.map((i) => reply.panels[i]) }, buffers: found.flatMap((i) => [buffers[i], empty]) };
    },
    thumbnails: async ({ population, files }) => {
      const thumbnails = [];
      const buffers = [];
      for (const file of files) {
        const tube = await open(file);
        const gate = tube.reply.gates.find((g) => g.name === population && g.gate);
        if (!gate) continue;
        thumbnails.push({ file, ...gate });
        buffers.push(tube.buffers[tube.reply.panels.findIndex((p) => p.parent === gate.parent && p.x === gate.x && p.y === gate.y)]);
      }
      return { reply: { thumbnails }, buffers };
    },
  };
  return { readOnly: true, ask: async (message) => answers[message.ask](message) };
}

async function inflate(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Response(stream).arrayBuffer();
}

/** Words and buffers of an answer in one piece: length of the JSON, JSON, buffers. */
function unpack(bytes) {
  const length = new DataView(bytes).getUint32(0, true);
  const reply = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length)));
  let at = 4 + length;
  const buffers = reply.lengths.map((size) => {
    at += size;
    return bytes.slice(at - size, at);
  });
  return { reply, buffers };
}

// ---------------------------------------------------------------- small helpers

function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const tell = (name) => name.replaceAll("_", " ");
const tellDay = (day) => (day === null ? "no day" : `day ${String(day).replace("-", "−")}`);
const number = (value) => value.toLocaleString("en-US");

function share(count, parent) {
  if (!parent) return "–";
  const percent = (100 * count) / parent;
  if (percent === 0 || percent === 100) return `${percent} %`;
  const digits = Math.max(0, 2 - Math.floor(Math.log10(percent)));
  return `${percent.toFixed(Math.min(digits, 3))} %`;
}

function tubeName(tube) {
  const role = tube.role === "draw" ? "" : `, ${tell(tube.role)}`;
  return `${tube.patient || tube.file} ${tellDay(tube.day)}, ${tube.panel}${role}`;
}

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

// ---------------------------------------------------------------- colours

/** Whether the style sheet has reached an element; one outside the page has no style at all. */
function isStyled(root) {
  return getComputedStyle(root).getPropertyValue("--irr-density").trim() !== "";
}

/** Colours of the theme, read from the style sheet so that dark and light are said once. */
function readTheme(root) {
  const style = getComputedStyle(root);
  const get = (name) => style.getPropertyValue(name).trim();
  const stops = get("--irr-density").split(/\s+/).map(parseColour);
  const table = new Uint32Array(256);
  for (let level = 1; level < 256; level += 1) {
    const place = ((level - 1) / 254) * (stops.length - 1);
    const below = Math.min(Math.floor(place), stops.length - 2);
    const mixed = stops[below].map((part, i) =>
      Math.round(part + (stops[below + 1][i] - part) * (place - below)),
    );
    table[level] = (255 << 24) | (mixed[2] << 16) | (mixed[1] << 8) | mixed[0];
  }
  return {
    table,
    paper: get("--irr-plot"),
    ink: get("--irr-ink"),
    muted: get("--irr-muted"),
    gate: get("--irr-gate"),
    other: get("--irr-other"),
    point: get("--irr-point"),
    halo: get("--irr-halo"),
    font: style.fontFamily,
  };
}

function parseColour(hex) {
  return [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
}

// ---------------------------------------------------------------- drawing

/** Levels as an image of the theme, y up. */
function densityImage(levels, side, table) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  const context = canvas.getContext("2d");
  const image = context.createImageData(side, side);
  const pixels = new Uint32Array(image.data.buffer);
  for (let row = 0; row < side; row += 1)
    for (let column = 0; column < side; column += 1)
      pixels[(side - 1 - row) * side + column] = table[levels[row * side + column]];
  context.putImageData(image, 0, 0);
  return canvas;
}

/** Prepare a canvas of a size in CSS pixels; return its context, scaled to the screen. */
function sized(canvas, width, height) {
  const dots = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * dots);
  canvas.height = Math.round(height * dots);
  const context = canvas.getContext("2d");
  context.setTransform(dots, 0, 0, dots, 0, 0);
  return context;
}

/** Where the display lies on a canvas. */
function frameOf(left, top, width, height) {
  return {
    left,
    top,
    width,
    height,
    x: (value) => left + ((value - LOW) / (HIGH - LOW)) * width,
    y: (value) => top + height - ((value - LOW) / (HIGH - LOW)) * height,
    atX: (pixel) => LOW + ((pixel - left) / width) * (HIGH - LOW),
    atY: (pixel) => LOW + ((top + height - pixel) / height) * (HIGH - LOW),
  };
}

/** Corners of a gate on the plot's two dimensions; sides without a bound lie beyond the plot. */
function corners(gate, x, y) {
  if (gate.kind === "polygon") {
    const swapped = gate.dimensions[0] !== x;
    return gate.vertices.map(([a, b]) => (swapped ? [b, a] : [a, b]));
  }
  const across = gate.ranges[x] ?? {};
  const up = gate.ranges[y] ?? {};
  const [left, right] = [across.low ?? LOW - 1, across.high ?? HIGH + 1];
  const [bottom, top] = [up.low ?? LOW - 1, up.high ?? HIGH + 1];
  return [[left, bottom], [right, bottom], [right, top], [left, top]];
}

function trace(context, points, frame) {
  context.beginPath();
  points.forEach(([x, y], i) => {
    if (i === 0) context.moveTo(frame.x(x), frame.y(y));
    else context.lineTo(frame.x(x), frame.y(y));
  });
  context.closePath();
}

function drawEvents(context, frame, density, theme) {
  context.fillStyle = theme.paper;
  context.fillRect(frame.left, frame.top, frame.width, frame.height);
  if (!density) return;
  if (density.drawnWith !== theme) {
    density.image = densityImage(density.levels, density.side, theme.table);
    density.drawnWith = theme;
  }
  context.imageSmoothingEnabled = frame.width > density.side;
  context.imageSmoothingQuality = "high";
  context.drawImage(density.image, frame.left, frame.top, frame.width, frame.height);
  const points = density.points;
  if (!points) return;
  context.fillStyle = theme.point;
  const few = points.length < 4000;
  const size = frame.width < 200 ? 1 : few ? 2.2 : 1.5;
  for (let i = 0; i < points.length; i += 2) {
    const x = frame.left + (points[i] / 65535) * frame.width;
    const y = frame.top + frame.height - (points[i + 1] / 65535) * frame.height;
    context.fillRect(x - size / 2, y - size / 2, size, size);
  }
}

function drawGate(context, frame, gate, x, y, style) {
  const points = corners(gate, x, y);
  context.save();
  context.beginPath();
  context.rect(frame.left, frame.top, frame.width, frame.height);
  context.clip();
  trace(context, points, frame);
  if (style.fill) {
    context.fillStyle = style.fill;
    context.fill();
  }
  context.lineJoin = "round";
  if (style.halo) {
    context.lineWidth = style.width + 2.5;
    context.strokeStyle = style.halo;
    context.stroke();
  }
  context.setLineDash(style.dash ?? []);
  context.lineWidth = style.width;
  context.strokeStyle = style.colour;
  context.stroke();
  context.restore();
}

/** Ticks and names of both axes; a label "10^3" has its exponent raised. */
function drawAxes(context, frame, axes, x, y, theme) {
  const bottom = frame.top + frame.height;
  context.strokeStyle = theme.ink;
  context.fillStyle = theme.ink;
  context.lineWidth = 1;
  context.strokeRect(frame.left + 0.5, frame.top + 0.5, frame.width - 1, frame.height - 1);
  const inside = (place) => place >= LOW && place <= HIGH;
  context.beginPath();
  for (const [dimension, horizontal] of [[x, true], [y, false]]) {
    const axis = axes[dimension];
    if (!axis) continue;
    const ticks = [...axis.major.map(([place]) => [place, 6]), ...axis.minor.map((p) => [p, 3])];
    for (const [place, long] of ticks.filter(([place]) => inside(place))) {
      if (horizontal) {
        context.moveTo(frame.x(place), bottom);
        context.lineTo(frame.x(place), bottom + long);
      } else {
        context.moveTo(frame.left, frame.y(place));
        context.lineTo(frame.left - long, frame.y(place));
      }
    }
  }
  context.stroke();
  for (const [place, label] of spread(axes[x]?.major ?? [], frame.width))
    raised(context, label, frame.x(place), bottom + 19, "center", theme);
  for (const [place, label] of spread(axes[y]?.major ?? [], frame.height))
    raised(context, label, frame.left - 9, frame.y(place) + 4, "right", theme);
  context.font = `600 13px ${theme.font}`;
  context.textAlign = "center";
  context.fillText(x, frame.left + frame.width / 2, bottom + 38);
  context.save();
  context.translate(frame.left - 42, frame.top + frame.height / 2);
  context.rotate(-Math.PI / 2);
  context.fillText(y, 0, 0);
  context.restore();
}

/** Labels that do not touch: 0 stays, then the higher of two decades. */
function spread(major, length) {
  const closest = (34 / length) * (HIGH - LOW);
  const kept = [];
  const byRank = [...major].sort((a, b) => (b[1] === "0") - (a[1] === "0") || b[0] - a[0]);
  for (const tick of byRank) {
    if (tick[0] < LOW || tick[0] > HIGH || tick[1] === "") continue;
    if (kept.every((other) => Math.abs(other[0] - tick[0]) >= closest)) kept.push(tick);
  }
  return kept;
}

function raised(context, label, x, y, align, theme) {
  const [base, power] = label.replace("-", "−").split("^");
  context.font = `12px ${theme.font}`;
  context.textAlign = "left";
  const wide = context.measureText(base).width;
  context.font = `9px ${theme.font}`;
  const more = power ? context.measureText(power.replace("-", "−")).width : 0;
  const left = align === "center" ? x - (wide + more) / 2 : x - wide - more;
  context.font = `12px ${theme.font}`;
  context.fillText(base, left, y);
  if (!power) return;
  context.font = `9px ${theme.font}`;
  context.fillText(power.replace("-", "−"), left + wide, y - 5);
}

/** Write each gate's name and share where it covers neither the plot's edge nor another label. */
function drawLabels(context, frame, gates, x, y, selected, theme) {
  const taken = [];
  context.textAlign = "center";
  for (const gate of gates) {
    const points = corners(gate.gate, x, y).map(([a, b]) => [
      clamp(frame.x(a), frame.left, frame.left + frame.width),
      clamp(frame.y(b), frame.top, frame.top + frame.height),
    ]);
    const across = points.map(([a]) => a);
    const up = points.map(([, b]) => b);
    const chosen = gate.name === selected;
    const text = [tell(gate.name), share(gate.count, gate.parentCount)];
    context.font = `600 12px ${theme.font}`;
    const wide = Math.max(...text.map((line) => context.measureText(line).width)) + 10;
    const left = clamp(
      (Math.min(...across) + Math.max(...across)) / 2,
      frame.left + wide / 2 + 4,
      frame.left + frame.width - wide / 2 - 4,
    );
    // Above the gate, below it, then inside: the first place that is free.
    const places = [Math.min(...up) - 36, Math.max(...up) + 4, Math.min(...up) + 6];
    const room = (top) =>
      top > frame.top + 2 &&
      top + 32 < frame.top + frame.height - 2 &&
      taken.every((box) => Math.abs(box.left - left) > (box.wide + wide) / 2 || Math.abs(box.top - top) > 33);
    let top = places.find(room) ?? clamp(Math.min(...up) + 6, frame.top + 4, frame.top + frame.height - 38);
    while (!room(top) && top + 70 < frame.top + frame.height) top += 17;
    taken.push({ left, top, wide });
    context.fillStyle = theme.halo;
    context.fillRect(left - wide / 2, top, wide, 31);
    context.fillStyle = chosen ? theme.gate : theme.ink;
    context.fillText(text[0], left, top + 13);
    context.font = `12px ${theme.font}`;
    context.fillText(text[1], left, top + 27);
  }
}

// ---------------------------------------------------------------- geometry edits

const copy = (value) => JSON.parse(JSON.stringify(value));

/** The boundary that a bound of a gate stands on, if it does. */
function boundaryOf(gate, dimension, end, boundaries) {
  const place = gate.gate.ranges[dimension][end];
  const standing = gate.sides.find(([name, positive]) => {
    const boundary = boundaries[name];
    return (
      boundary &&
      boundary.marker === dimension &&
      positive === (end === "low") &&
      Math.abs(boundary.value - place) < 1e-4
    );
  });
  return standing ? standing[0] : null;
}

/** Bounds of a rectangle as handles: dimension, end, place, and the boundary behind it. */
function edgesOf(gate, boundaries) {
  const edges = [];
  for (const [dimension, bounds] of Object.entries(gate.gate.ranges))
    for (const end of ["low", "high"])
      if (bounds[end] !== undefined)
        edges.push({
          dimension,
          end,
          place: bounds[end],
          boundary: boundaryOf(gate, dimension, end, boundaries),
        });
  return edges;
}

/** Put an edit in the place of an earlier one of the same gate or boundary. */
function withEdit(edits, edit) {
  const same = (other) => other.threshold === edit.threshold && other.population === edit.population;
  return [...edits.filter((other) => !same(other)), edit];
}

/** How far a point lies from the stretch between two corners. */
function distance([px, py], [ax, ay], [bx, by]) {
  const [dx, dy] = [bx - ax, by - ay];
  const along = clamp(((px - ax) * dx + (py - ay) * dy) / (dx * dx + dy * dy || 1), 0, 1);
  return Math.hypot(px - ax - along * dx, py - ay - along * dy);
}

// ---------------------------------------------------------------- the review

class Review {
  constructor(root, host) {
    this.root = root;
    this.host = host;
    this.view = "tube";
    this.edits = [];
    this.past = [];
    this.future = [];
    this.panels = new Map(); // densities by parent and dimensions
    this.thumbnails = new Map(); // by population and file
    this.dragged = null;
    this.order = "first";
    this.scope = "file";
    root.classList.add("irr");
    root.review = this; // for whoever looks at a page from its console
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.recolour = () => {
      if (!isStyled(root)) return; // a notebook takes outputs out of the page and puts them back
      // A notebook says which theme it has; elsewhere the system does.
      const light = document.body.dataset.jpThemeLight;
      root.classList.toggle("irr-dark", light ? light === "false" : this.dark.matches);
      this.theme = readTheme(root);
      if (this.tube) this.draw();
    };
    this.dark.addEventListener("change", this.recolour);
    this.rethemed = new MutationObserver(this.recolour);
    this.rethemed.observe(document.body, { attributeFilter: ["data-jp-theme-light"] });
    this.resized = new ResizeObserver(() => {
      if (!this.tube || !isStyled(root)) return;
      if (this.held) this.drawPlot();
      else this.recolour();
    });
    this.keys = (event) => this.shortcut(event);
    root.addEventListener("keydown", this.keys);
  }

  close() {
    this.closed = true;
    this.dark.removeEventListener("change", this.recolour);
    this.resized.disconnect();
    this.rethemed.disconnect();
    this.root.removeEventListener("keydown", this.keys);
  }

  /** Ask the host; an error is told to the person and thrown on. */
  async ask(message) {
    let told;
    try {
      told = await this.host.ask(message);
    } catch (error) {
      this.alarm(`The program does not answer (${error.message}). Start immunerecon review, or the notebook's kernel, again: what was applied is kept.`);
      throw error;
    }
    if (told.reply.error) {
      this.alarm(told.reply.error);
      throw new Error(told.reply.error);
    }
    return told;
  }

  async open(file) {
    // A notebook renders before it puts the output into its page.
    while (!isStyled(this.root) && !this.closed) await new Promise(requestAnimationFrame);
    if (this.closed) return;
    this.recolour();
    const { reply } = await this.ask({ ask: "open" });
    this.study = reply;
    this.stale = new Set(reply.changed);
    this.byFile = new Map(reply.tubes.map((tube) => [tube.file, tube]));
    this.build();
    const first = reply.tubes.find((t) => t.status === "flagged" && t.role === "draw");
    await this.openTube(file ?? (first ?? reply.tubes[0]).file);
  }

  /** The report has a heading above. */
  get heading() {
    return this.host.readOnly ? "h3" : "h2";
  }

  get entry() {
    return this.byFile.get(this.file);
  }

  /** Draws of the same patient and panel. */
  get series() {
    const { patient, panel } = this.entry;
    return this.study.tubes.filter((tube) => tube.patient === patient && tube.panel === panel);
  }

  gate(name = this.population) {
    return this.tube.gates.find((gate) => gate.name === name);
  }

  /** The gate that is drawn for a population: its own, or the one whose complement it is. */
  drawn(gate) {
    return gate.gate || !gate.without ? gate : this.gate(gate.without);
  }

  // -------------------------------------------------------------- opening and syncing

  async openTube(file, population) {
    if (this.edits.length && file !== this.file && !this.mayLeave()) return;
    let pictured;
    this.pictured = new Promise((done) => (pictured = done));
    this.file = file;
    this.edits = [];
    this.past = [];
    this.future = [];
    this.panels.clear();
    this.root.setAttribute("aria-busy", "true");
    const { reply } = await this.ask({ ask: "tube", file, edits: [] });
    if (file !== this.file) return;
    this.tube = reply;
    this.base = new Map(reply.gates.map((gate) => [gate.name, gate]));
    const wanted = [population, this.population, "NK", "T", reply.gates.at(-1).name];
    this.population = wanted.find((name) => name && this.base.has(name));
    await this.load([this.panelOf(this.drawn(this.gate()))]);
    this.show();
    this.root.removeAttribute("aria-busy");
    this.say(`${tubeName(this.entry)}: ${this.sentence()}`);
    pictured();
    await this.load(this.allPanels());
    this.drawStrip();
    if (this.view !== "tube") this.showSheet();
  }

  mayLeave() {
    if (this.leaving) return true;
    this.leaving = true;
    setTimeout(() => (this.leaving = false), 4000);
    this.alarm("There are moves that are not applied. Apply or reset them, or choose again to drop them.");
    return false;
  }

  panelOf(gate) {
    return { parent: gate.parent, x: gate.x, y: gate.y };
  }

  key(panel) {
    return [panel.parent, panel.x, panel.y].join("|");
  }

  /** One panel for all gates of the same parent and dimensions. */
  allPanels() {
    const found = new Map();
    for (const gate of this.tube.gates) {
      if (!gate.gate) continue;
      const panel = this.panelOf(gate);
      const turned = this.key({ parent: panel.parent, x: panel.y, y: panel.x });
      if (!found.has(turned)) found.set(this.key(panel), panel);
    }
    return [...found.values()];
  }

  /** Gates on a panel, turned where they name its dimensions the other way round. */
  gatesOn(panel) {
    return this.localGates().filter(
      (gate) =>
        gate.gate &&
        gate.parent === panel.parent &&
        [gate.x, gate.y].sort().join("|") === [panel.x, panel.y].sort().join("|"),
    );
  }

  async load(panels) {
    const missing = panels.filter((panel) => this.panels.get(this.key(panel))?.old ?? true);
    if (!missing.length) return;
    const file = this.file;
    const edits = this.edits;
    const { reply, buffers } = await this.ask({
      ask: "densities",
      file,
      edits,
      panels: missing.map((panel) => [panel.parent, panel.x, panel.y]),
    });
    if (file !== this.file || edits !== this.edits) return;
    reply.panels.forEach((told, i) => {
      this.panels.set(this.key(told), {
        most: told.most,
        side: told.side,
        levels: new Uint8Array(buffers[2 * i]),
        points: new Uint16Array(buffers[2 * i + 1]),
      });
    });
  }

  /** Take over edits: exact counts come back, and the densities below what moved. */
  async setEdits(edits, { remember = true } = {}) {
    if (remember) {
      this.past.push(this.edits);
      this.future = [];
    }
    this.edits = edits;
    let counted;
    this.counted = new Promise((done) => (counted = done));
    const { reply } = await this.ask({ ask: "tube", file: this.file, edits });
    if (edits !== this.edits) return;
    const before = this.tube;
    this.tube = reply;
    this.forget(before, reply);
    if (this.held) return; // the next move is under way and brings its own counts
    this.dragged = null;
    this.show();
    this.say(this.sentence());
    counted();
    await this.load(this.allPanels());
    this.drawPlot();
    this.drawStrip();
  }

  /** Drop the densities of parents that hold other events now. */
  forget(before, after) {
    const old = new Map(before.gates.map((gate) => [gate.name, gate]));
    const changed = new Set();
    for (const gate of after.gates) {
      const was = old.get(gate.name);
      const moved = JSON.stringify(was?.gate) !== JSON.stringify(gate.gate) || was.source !== gate.source;
      if (moved || was.count !== gate.count || changed.has(gate.parent)) changed.add(gate.name);
    }
    for (const [key, density] of this.panels)
      if (changed.has(key.split("|")[0])) density.old = true; // shown until the new one is here
  }

  async undo() {
    await this.settle();
    if (!this.past.length) return;
    this.future.push(this.edits);
    this.setEdits(this.past.pop(), { remember: false });
  }

  async redo() {
    await this.settle();
    if (!this.future.length) return;
    this.past.push(this.edits);
    this.setEdits(this.future.pop(), { remember: false });
  }

  async apply() {
    await this.settle();
    if (!this.edits.length) return;
    const empty = [this.parts.who, this.parts.why].find((input) => !input.value.trim());
    if (empty) {
      this.alarm("Say who moves the gate, and why: both go into the record of the run.");
      empty.focus();
      return;
    }
    const scope = this.parts.scopes.find((input) => input.checked).value;
    const { reply } = await this.ask({
      ask: "apply",
      file: this.file,
      edits: this.edits,
      scope,
      who: this.parts.who.value,
      why: this.parts.why.value,
    });
    this.written(reply);
    const where = { file: "this tube", patient: `patient ${this.entry.patient}`, batch: `batch ${this.entry.batch}` };
    await this.reload(`Written to ${reply.writes} for ${where[scope]}. ${this.sentence()}`);
  }

  async withdraw(override) {
    const { reply } = await this.ask({ ask: "withdraw", override });
    this.written(reply);
    await this.reload(`Taken back from ${reply.writes}.`);
  }

  written(reply) {
    this.study.overrides = reply.overrides;
    this.stale = new Set(reply.changed);
    this.thumbnails.clear();
  }

  /** Look at the tube again as it is written. */
  async reload(told) {
    this.edits = [];
    this.past = [];
    this.future = [];
    const { reply } = await this.ask({ ask: "tube", file: this.file, edits: [] });
    this.forget(this.tube, reply);
    this.tube = reply;
    this.base = new Map(reply.gates.map((gate) => [gate.name, gate]));
    this.show();
    this.say(told);
    await this.load(this.allPanels());
    this.draw();
  }

  // -------------------------------------------------------------- words

  say(text) {
    this.parts.live.textContent = text;
    this.parts.alarm.hidden = true;
  }

  alarm(text) {
    if (!this.parts) {
      this.root.append(h("p", { class: "irr-alarm", role: "alert" }, text));
      return;
    }
    this.parts.alarm.hidden = false;
    this.parts.alarm.textContent = text;
  }

  sentence() {
    const gate = this.gate();
    const parent = tell(gate.parent || "clean events");
    const was = this.base.get(gate.name);
    const before = was.count === gate.count ? "" : ` (was ${number(was.count)}, ${share(was.count, was.parentCount)})`;
    return `${tell(gate.name)}: ${number(gate.count)} of ${number(gate.parentCount)} ${parent}, ${share(gate.count, gate.parentCount)}${before}`;
  }

  // -------------------------------------------------------------- the page

  build() {
    const parts = (this.parts = {});
    const views = [["tube", "Tube"], ["series", "Series"], ["all", "All tubes"]];
    parts.views = views.map(([value, label]) =>
      h("button", { type: "button", class: "irr-tab", role: "tab", "data-view": value, "aria-selected": "false", onclick: () => this.choose(value) }, label),
    );
    parts.patients = h("select", { "aria-label": "Patient", onchange: () => this.openFirst() });
    parts.tubes = h("select", { "aria-label": "Tube", onchange: () => this.openTube(parts.tubes.value) });
    const patients = [...new Set(this.study.tubes.map((tube) => tube.patient))];
    parts.patients.append(...patients.map((name) => h("option", { value: name }, name || "no patient")));
    const step = (label, way, sign) =>
      h("button", { type: "button", class: "irr-step", "aria-label": label, title: label, onclick: () => this.step(way) }, sign);
    parts.live = h("p", { class: "irr-live", role: "status", "aria-live": "polite" });
    parts.alarm = h("p", { class: "irr-alarm", role: "alert", hidden: true });
    parts.tree = h("ul", { class: "irr-tree", role: "tree", "aria-label": "Gating tree", onkeydown: (event) => this.treeKeys(event) });
    parts.plot = h("canvas", { class: "irr-canvas", role: "img" });
    parts.handles = h("div", { class: "irr-handles" });
    parts.stage = h("div", { class: "irr-stage" }, parts.plot, parts.handles);
    parts.title = h(this.heading, { class: "irr-heading irr-title" });
    parts.strip = h("div", { class: "irr-strip", role: "group", "aria-label": "All gates of the tube" });
    parts.side = h("aside", { class: "irr-side", "aria-label": "Gate" });
    parts.sheet = h("section", { class: "irr-sheet", hidden: true });
    parts.tubeView = h(
      "div",
      { class: "irr-tubeview" },
      h("div", { class: "irr-left" }, parts.tree),
      h("section", { class: "irr-middle", "aria-label": "Plot" }, parts.title, parts.stage, parts.strip),
      parts.side,
    );
    this.root.replaceChildren(
      h(
        "header",
        { class: "irr-bar" },
        h(this.host.readOnly ? "p" : "h1", { class: "irr-study" }, this.study.study),
        h("div", { class: "irr-tabs", role: "tablist", "aria-label": "Views" }, ...parts.views),
        h("div", { class: "irr-pick" }, parts.patients, step("Tube before", -1, "‹"), parts.tubes, step("Next tube", 1, "›")),
        parts.live,
      ),
      parts.alarm,
      parts.tubeView,
      parts.sheet,
    );
    this.buildSide();
    parts.stage.addEventListener("dblclick", (event) => this.addPointAt(event));
    this.resized.observe(parts.stage);
  }

  buildSide() {
    const { parts } = this;
    parts.facts = h("div", { class: "irr-facts" });
    parts.changes = h("div", { class: "irr-changes" });
    parts.written = h("div", { class: "irr-written" });
    parts.side.append(parts.facts);
    if (this.host.readOnly) return;
    const tool = (label, title, act) => h("button", { type: "button", title, onclick: act }, label);
    parts.undo = tool("Undo", "Undo (Ctrl+Z)", () => this.undo());
    parts.redo = tool("Redo", "Redo (Ctrl+Y)", () => this.redo());
    parts.reset = tool("Reset", "Drop all moves that are not applied", () => this.setEdits([]));
    const name = `irr-scope-${Math.random().toString(36).slice(2)}`;
    const scopes = ["file", "patient", "batch"].map((value) => {
      const input = h("input", { type: "radio", name, value, checked: value === "file" });
      const label = h("label", {}, input, h("span"));
      return { value, input, label };
    });
    parts.scopes = scopes.map(({ input }) => input);
    parts.scopeLabels = Object.fromEntries(scopes.map(({ value, label }) => [value, label.lastChild]));
    parts.who = h("input", { type: "text", autocomplete: "off", maxlength: "40", "aria-label": "Who", placeholder: "Initials" });
    parts.why = h("input", { type: "text", autocomplete: "off", maxlength: "200", "aria-label": "Why", placeholder: "CD3-dim lot, spill of PE …" });
    parts.applyButton = h("button", { type: "submit", class: "irr-primary" }, "Apply");
    const form = h(
      "form",
      { class: "irr-apply", onsubmit: (event) => { event.preventDefault(); this.apply(); } },
      h("fieldset", {}, h("legend", {}, "Apply to"), ...scopes.map(({ label }) => label)),
      h("label", { class: "irr-field" }, h("span", {}, "Who"), parts.who),
      h("label", { class: "irr-field" }, h("span", {}, "Why"), parts.why),
      parts.applyButton,
    );
    parts.side.append(
      h("div", { class: "irr-tools", role: "group", "aria-label": "Moves" }, parts.undo, parts.redo, parts.reset),
      parts.changes,
      form,
      parts.written,
    );
  }

  choose(view) {
    this.view = view;
    this.show();
    if (view !== "tube") this.showSheet();
  }

  openFirst() {
    const tubes = this.study.tubes.filter((tube) => tube.patient === this.parts.patients.value);
    const alike = tubes.find((tube) => tube.panel === this.entry.panel && tube.role === this.entry.role);
    this.openTube((alike ?? tubes[0]).file);
  }

  step(way) {
    const files = this.study.tubes.map((tube) => tube.file);
    const next = files[files.indexOf(this.file) + way];
    if (next) this.openTube(next);
  }

  pick(population, { focus = false } = {}) {
    this.population = population;
    this.show();
    this.say(this.sentence());
    if (focus) this.parts.tree.querySelector("[aria-selected=true]")?.focus();
    if (this.view !== "tube") this.showSheet();
  }

  /** Bring everything on the page up to what is known. */
  show() {
    const { parts } = this;
    for (const tab of parts.views) tab.setAttribute("aria-selected", String(tab.dataset.view === this.view));
    parts.tubeView.hidden = this.view !== "tube";
    parts.sheet.hidden = this.view === "tube";
    parts.patients.value = this.entry.patient;
    const own = this.study.tubes.filter((tube) => tube.patient === this.entry.patient);
    parts.tubes.replaceChildren(
      ...own.map((tube) => {
        const flag = tube.status === "flagged" ? " (flagged)" : "";
        const role = tube.role === "draw" ? "" : `, ${tell(tube.role)}`;
        return h("option", { value: tube.file }, `${tellDay(tube.day)}, ${tube.panel}${role}${flag}`);
      }),
    );
    parts.tubes.value = this.file;
    this.showTree();
    this.showFacts();
    if (!this.host.readOnly) this.showMoves();
    this.draw();
  }

  draw() {
    if (this.view !== "tube") {
      for (const paint of this.painters?.values() ?? []) paint();
      return;
    }
    this.drawPlot();
    this.showHandles();
    this.drawStrip();
  }

  depth(gate) {
    let level = 1;
    for (let at = gate; at && at.parent; at = this.gate(at.parent)) level += 1;
    return level;
  }

  showTree() {
    const { tree } = this.parts;
    const had = tree.contains(document.activeElement);
    const items = this.inOrder().map((gate) => {
      const was = this.base.get(gate.name);
      const chosen = gate.name === this.population;
      const marks = [];
      if (gate.source === "override") marks.push(h("span", { class: "irr-hand" }, "by hand"));
      if (gate.confidence < DOUBTFUL) marks.push(h("span", { class: "irr-doubt", title: `low confidence, ${gate.confidence}` }, "?"));
      const percent = gate.parentCount ? (100 * gate.count) / gate.parentCount : 0;
      const bar = h("span", { class: "irr-share", "aria-hidden": "true" });
      bar.style.setProperty("--share", `${percent}%`);
      const item = h(
        "li",
        {
          role: "treeitem",
          "aria-level": this.depth(gate),
          "aria-selected": String(chosen),
          tabindex: chosen ? "0" : "-1",
          "data-population": gate.name,
          class: was.count === gate.count ? "" : "irr-changed",
          "aria-label": `${tell(gate.name)}, ${number(gate.count)}, ${share(gate.count, gate.parentCount)} of ${tell(gate.parent || "clean events")}${gate.source === "override" ? ", moved by hand" : ""}${gate.confidence < DOUBTFUL ? ", low confidence" : ""}`,
          onclick: () => this.pick(gate.name, { focus: true }),
        },
        h("span", { class: "irr-name" }, tell(gate.name), ...marks),
        h("span", { class: "irr-count" }, number(gate.count)),
        h("span", { class: "irr-percent" }, share(gate.count, gate.parentCount)),
        bar,
      );
      item.style.setProperty("--level", this.depth(gate) - 1);
      return item;
    });
    const dropped = Object.entries(this.tube.dropped).map(([name, reason]) =>
      h("li", { role: "none", class: "irr-dropped", title: reason }, `${tell(name)}: ${reason}`),
    );
    tree.replaceChildren(...items, ...dropped);
    if (had) tree.querySelector("[aria-selected=true]")?.focus();
  }

  /** Populations as a tree reads: each followed by what lies in it. */
  inOrder(parent = "") {
    return this.tube.gates
      .filter((gate) => gate.parent === parent)
      .flatMap((gate) => [gate, ...this.inOrder(gate.name)]);
  }

  treeKeys(event) {
    const names = this.inOrder().map((gate) => gate.name);
    const at = names.indexOf(this.population);
    const goals = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: names.length - 1 };
    goals.ArrowLeft = names.indexOf(this.gate().parent);
    goals.ArrowRight = names.findIndex((name) => this.gate(name).parent === this.population);
    const next = names[goals[event.key]];
    if (!next) return;
    event.preventDefault();
    this.pick(next, { focus: true });
  }

  showFacts() {
    const gate = this.gate();
    const sources = {
      data: "placed by this tube's data",
      borrowed: "placed with the help of other tubes",
      model: "outline; counted by the model of all tubes",
      fixed: "fixed by the strategy",
      override: "moved by hand",
    };
    const was = this.base.get(gate.name);
    const parts = [
      h(this.heading, { class: "irr-heading" }, tell(gate.name)),
      h("p", { class: "irr-big" }, share(gate.count, gate.parentCount), h("small", {}, `of ${tell(gate.parent || "clean events")}`)),
      h("p", { class: "irr-number" }, `${number(gate.count)} of ${number(gate.parentCount)} events`),
    ];
    if (was.count !== gate.count) parts.push(h("p", { class: "irr-was" }, `was ${number(was.count)}, ${share(was.count, was.parentCount)}`));
    parts.push(h("p", { class: "irr-source" }, sources[gate.source] ?? gate.source, gate.source === "override" ? "" : ` · confidence ${gate.confidence.toFixed(2)}`));
    if (gate.without) parts.push(h("p", { class: "irr-source" }, `what is left of ${tell(gate.parent || "clean events")} without ${tell(gate.without)}`));
    const reason = this.entry.reason;
    if (reason) parts.push(h("details", { class: "irr-flags", open: true }, h("summary", {}, "Why this tube is flagged"), ...reason.split("; ").map((line) => h("p", {}, tell(line)))));
    this.parts.facts.replaceChildren(...parts);
  }

  showMoves() {
    const { parts } = this;
    parts.undo.disabled = !this.past.length;
    parts.redo.disabled = !this.future.length;
    parts.reset.disabled = parts.applyButton.disabled = !this.edits.length;
    const { patient, batch, panel } = this.entry;
    const count = (same) => this.study.tubes.filter((tube) => tube.panel === panel && same(tube)).length;
    const labels = {
      file: "this tube",
      patient: patient ? `patient ${patient} (${count((tube) => tube.patient === patient)} tubes)` : "no patient",
      batch: batch ? `batch ${batch} (${count((tube) => tube.batch === batch)} tubes)` : "no batch",
    };
    for (const input of parts.scopes) {
      parts.scopeLabels[input.value].textContent = labels[input.value];
      input.disabled = input.value !== "file" && !this.entry[input.value];
    }
    const changed = this.inOrder().filter((gate) => this.base.get(gate.name).count !== gate.count);
    parts.changes.replaceChildren(
      ...(changed.length
        ? [
            h(
              "table",
              {},
              h("caption", {}, `${changed.length} counts change`),
              h("tbody", {}, ...changed.map((gate) => this.changeRow(gate))),
            ),
          ]
        : []),
    );
    const overrides = this.study.overrides.filter((o) => this.concerns(o));
    parts.written.replaceChildren(
      ...(overrides.length ? [h("h3", { class: "irr-subheading" }, "Written for this tube"), h("ul", {}, ...overrides.map((o) => this.overrideRow(o)))] : []),
    );
  }

  changeRow(gate) {
    const was = this.base.get(gate.name);
    const more = gate.count - was.count;
    return h(
      "tr",
      {},
      h("th", { scope: "row" }, tell(gate.name)),
      h("td", {}, number(was.count)),
      h("td", {}, "→"),
      h("td", {}, number(gate.count)),
      h("td", { class: "irr-more" }, `${more > 0 ? "+" : "−"}${number(Math.abs(more))}`),
    );
  }

  concerns(override) {
    const { file, patient, batch, panel } = this.entry;
    if (override.panel && override.panel !== panel) return false;
    return override.file === file || (override.patient && override.patient === patient) || (override.batch && override.batch === batch);
  }

  overrideRow(override) {
    const target = override.file ? "this tube" : override.patient ? `patient ${override.patient}` : `batch ${override.batch}`;
    const what = tell(override.population ?? `${override.threshold} threshold`);
    return h(
      "li",
      {},
      h("p", {}, h("b", {}, what), `, ${target}`),
      h("p", { class: "irr-small" }, `${override.why} · ${override.who}, ${(override.when ?? "").slice(0, 10)}`),
      h("button", { type: "button", "aria-label": `Take back ${what}, ${target}`, onclick: () => this.withdraw(override) }, "Take back"),
    );
  }

  // -------------------------------------------------------------- the plot

  /** Gates as they are drawn now: what is dragged is ahead of what is known. */
  localGates() {
    const moved = this.dragged;
    if (!moved) return this.tube.gates;
    return this.tube.gates.map((gate) => {
      if (moved.population === gate.name) return { ...gate, gate: moved.gate };
      if (!moved.threshold || gate.gate?.kind !== "rectangle") return gate;
      const stands = gate.sides.some(([name]) => name === moved.threshold);
      const { marker, value } = this.tube.boundaries[moved.threshold];
      if (!stands || !gate.gate.ranges[marker]) return gate;
      const bounds = Object.fromEntries(
        Object.entries(gate.gate.ranges[marker]).map(([end, place]) => [end, Math.abs(place - value) < 1e-4 ? moved.value : place]),
      );
      return { ...gate, gate: { ...gate.gate, ranges: { ...gate.gate.ranges, [marker]: bounds } } };
    });
  }

  drawPlot() {
    const { plot, stage, title } = this.parts;
    const gate = this.drawn(this.gate());
    const panel = this.panelOf(gate);
    const side = Math.max(260, Math.floor(stage.clientWidth));
    this.frame = frameOf(62, 8, side - 74, side - 62);
    const context = sized(plot, side, side);
    const { theme, frame } = this;
    drawEvents(context, frame, this.panels.get(this.key(panel)), theme);
    const gates = this.gatesOn(panel);
    const ordered = [...gates.filter((g) => g.name !== gate.name), ...gates.filter((g) => g.name === gate.name)];
    for (const other of ordered) {
      const chosen = other.name === gate.name;
      drawGate(context, frame, other.gate, panel.x, panel.y, {
        colour: chosen ? theme.gate : theme.other,
        width: chosen ? 2 : 1.4,
        halo: theme.halo,
        dash: other.confidence < DOUBTFUL ? [7, 4] : [],
      });
    }
    drawLabels(context, frame, [...ordered].reverse(), panel.x, panel.y, gate.name, theme);
    drawAxes(context, frame, this.tube.axes, panel.x, panel.y, theme);
    const parent = tell(gate.parent || "clean events");
    title.replaceChildren(parent, h("small", {}, `${number(gate.parentCount)} events · ${tubeName(this.entry)}`));
    plot.setAttribute("aria-label", `${parent} on ${panel.x} and ${panel.y}. ${gates.map((g) => `${tell(g.name)} ${share(g.count, g.parentCount)}`).join(", ")}`);
  }

  /** Handles of the chosen gate: an edge a bound, a point a vertex, one to move all of it. */
  showHandles() {
    const { handles } = this.parts;
    const gate = this.gate();
    const had = handles.contains(document.activeElement) ? document.activeElement.dataset.handle : null;
    handles.replaceChildren();
    if (this.host.readOnly || !gate.gate) return;
    const shown = { ...gate, gate: this.localGates().find((g) => g.name === gate.name).gate };
    if (shown.gate.kind === "rectangle") this.edgeHandles(shown);
    else this.pointHandles(shown);
    if (had) handles.querySelector(`[data-handle="${had}"]`)?.focus();
  }

  edgeHandles(gate) {
    const { frame } = this;
    for (const edge of edgesOf(this.gate(), this.tube.boundaries)) {
      const place = gate.gate.ranges[edge.dimension][edge.end];
      const across = edge.dimension === gate.x;
      const [low, high] = [LOW, HIGH].map((v) => Math.round(v * 1000));
      const name = edge.boundary ? `${edge.boundary} threshold` : `${tell(gate.name)} ${edge.end === "low" ? "lower" : "upper"} ${edge.dimension} bound`;
      const handle = h("div", {
        class: `irr-edge ${across ? "irr-across" : "irr-up"}`,
        role: "slider",
        tabindex: "0",
        "data-handle": `${edge.dimension} ${edge.end}`,
        "aria-label": name,
        title: `${name}: drag, or arrow keys (Shift for larger steps)`,
        "aria-orientation": across ? "horizontal" : "vertical",
        "aria-valuemin": low,
        "aria-valuemax": high,
        "aria-valuenow": Math.round(place * 1000),
        "aria-valuetext": `${this.tellPlace(edge.dimension, place)}`,
      });
      if (across) Object.assign(handle.style, { left: `${frame.x(place)}px`, top: `${frame.top}px`, height: `${frame.height}px` });
      else Object.assign(handle.style, { top: `${frame.y(place)}px`, left: `${frame.left}px`, width: `${frame.width}px` });
      handle.append(h("span", { class: "irr-grip", "aria-hidden": "true" }));
      this.makeMovable(handle, (dx, dy) => this.edgeMoved(gate, edge, place + (across ? dx : dy)));
      this.parts.handles.append(handle);
    }
  }

  edgeMoved(gate, edge, value) {
    const place = clamp(value, LOW, HIGH);
    if (edge.boundary) return { threshold: edge.boundary, value: place };
    const ranges = copy(gate.gate.ranges);
    ranges[edge.dimension][edge.end] = place;
    return { population: gate.name, gate: { kind: "rectangle", ranges } };
  }

  pointHandles(gate) {
    const { frame } = this;
    const swapped = gate.gate.dimensions[0] !== gate.x;
    const points = corners(gate.gate, gate.x, gate.y);
    const moved = (vertices) => ({ population: gate.name, gate: { ...gate.gate, vertices: vertices.map(([x, y]) => (swapped ? [y, x] : [x, y])) } });
    const put = (element, [x, y]) => {
      Object.assign(element.style, { left: `${frame.x(clamp(x, LOW, HIGH))}px`, top: `${frame.y(clamp(y, LOW, HIGH))}px` });
      this.parts.handles.append(element);
    };
    const middle = [0, 1].map((i) => points.reduce((sum, point) => sum + point[i], 0) / points.length);
    const whole = h("button", { type: "button", class: "irr-whole", "data-handle": "whole", "aria-label": `Move ${tell(gate.name)}; arrow keys`, title: "Move the whole gate: drag, or arrow keys" });
    this.makeMovable(whole, (dx, dy) => moved(points.map(([x, y]) => [x + dx, y + dy])));
    put(whole, middle);
    points.forEach((point, i) => {
      const next = points[(i + 1) % points.length];
      const between = [(point[0] + next[0]) / 2, (point[1] + next[1]) / 2];
      const ghost = h("button", { type: "button", tabindex: "-1", class: "irr-ghost", "aria-hidden": "true", title: "Drag to add a point" });
      this.makeMovable(ghost, (dx, dy) => moved([...points.slice(0, i + 1), [between[0] + dx, between[1] + dy], ...points.slice(i + 1)]));
      put(ghost, between);
    });
    points.forEach((point, i) => {
      const handle = h("button", {
        type: "button",
        class: "irr-point",
        "data-handle": `point ${i}`,
        "aria-label": `Point ${i + 1} of ${points.length}, ${gate.x} ${this.tellPlace(gate.x, point[0])}, ${gate.y} ${this.tellPlace(gate.y, point[1])}; arrow keys move, Insert adds, Delete removes`,
        title: "Drag, or arrow keys; Insert adds a point, Delete removes this one",
        onkeydown: (event) => {
          const next = points[(i + 1) % points.length];
          if (event.key === "Delete" && points.length > 3) this.commit(moved(points.filter((_, j) => j !== i)));
          else if (event.key === "Insert" || event.key === "+") this.commit(moved([...points.slice(0, i + 1), [(point[0] + next[0]) / 2, (point[1] + next[1]) / 2], ...points.slice(i + 1)]));
        },
      });
      this.makeMovable(handle, (dx, dy) => moved(points.map((p, j) => (j === i ? [clamp(p[0] + dx, LOW, HIGH), clamp(p[1] + dy, LOW, HIGH)] : p))));
      put(handle, point);
    });
  }

  /** A double click beside a polygon's edge adds a point there. */
  addPointAt(event) {
    const gate = this.gate();
    if (this.host.readOnly || gate.gate?.kind !== "polygon") return;
    const box = this.parts.stage.getBoundingClientRect();
    const at = [this.frame.atX(event.clientX - box.left), this.frame.atY(event.clientY - box.top)];
    const points = corners(gate.gate, gate.x, gate.y);
    const far = points.map((point, i) => distance(at, point, points[(i + 1) % points.length]));
    const i = far.indexOf(Math.min(...far));
    if (far[i] > 0.03) return;
    points.splice(i + 1, 0, at);
    const swapped = gate.gate.dimensions[0] !== gate.x;
    this.commit({ population: gate.name, gate: { ...gate.gate, vertices: points.map(([x, y]) => (swapped ? [y, x] : [x, y])) } });
  }

  tellPlace(dimension, place) {
    const major = this.tube.axes[dimension]?.major ?? [];
    const near = [...major].sort((a, b) => Math.abs(a[0] - place) - Math.abs(b[0] - place))[0];
    return near ? `${place.toFixed(3)} (near ${near[1].replace("^", " to the ")})` : place.toFixed(3);
  }

  /** Let a handle be dragged and moved by arrow keys; `move` turns a shift into an edit. */
  makeMovable(handle, move) {
    let start = null;
    let edit = null;
    const shiftOf = (event) => [
      ((event.clientX - start.x) / this.frame.width) * (HIGH - LOW),
      (-(event.clientY - start.y) / this.frame.height) * (HIGH - LOW),
    ];
    handle.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      start = { x: event.clientX, y: event.clientY };
      edit = null;
      handle.setPointerCapture(event.pointerId);
      handle.classList.add("irr-held");
      handle.focus();
      this.held = true;
      event.preventDefault();
    });
    handle.addEventListener("pointermove", (event) => {
      if (!start) return;
      edit = this.dragged = move(...shiftOf(event));
      this.follow(handle, event, start);
      this.drawPlot();
    });
    const end = (event) => {
      if (!start) return;
      handle.classList.remove("irr-held");
      start = null;
      this.held = false;
      if (event.type === "pointerup" && edit) this.commit(edit);
      else {
        this.dragged = null;
        this.show();
      }
    };
    handle.addEventListener("pointerup", end);
    handle.addEventListener("pointercancel", end);
    // Keys in quick succession are one move; all of them count from where the handle was made.
    let shift = [0, 0];
    handle.addEventListener("keydown", (event) => {
      const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] };
      const way = ways[event.key];
      if (!way) return;
      event.preventDefault();
      const step = event.shiftKey ? LONG_STEP : STEP;
      shift = [shift[0] + way[0] * step, shift[1] + way[1] * step];
      this.dragged = move(...shift);
      this.held = true;
      clearTimeout(this.soon);
      this.drawPlot();
    });
    handle.addEventListener("keyup", (event) => {
      if (!event.key.startsWith("Arrow") || !this.held) return;
      clearTimeout(this.soon);
      this.soon = setTimeout(() => this.settle(), PAUSE);
    });
    handle.addEventListener("blur", () => this.settle());
  }

  /** Take over what arrow keys have moved so far. */
  settle() {
    clearTimeout(this.soon);
    if (!this.held) return Promise.resolve();
    this.held = false;
    return this.commit(this.dragged);
  }

  /** Move the held handle itself with the pointer; the others follow when it is let go. */
  follow(handle, event, start) {
    const [dx, dy] = [event.clientX - start.x, event.clientY - start.y];
    const edge = handle.classList.contains("irr-edge");
    const across = handle.classList.contains("irr-across");
    handle.style.transform = edge ? (across ? `translateX(${dx}px)` : `translateY(${dy}px)`) : `translate(${dx}px, ${dy}px)`;
  }

  commit(edit) {
    this.dragged = edit;
    return this.setEdits(withEdit(this.edits, edit)).catch(() => {
      // Refused: what was known before stands again.
      this.edits = this.past.pop() ?? [];
      this.dragged = null;
      const told = this.parts.alarm.textContent;
      this.show();
      this.alarm(told);
    });
  }

  shortcut(event) {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && event.target.type !== "radio";
    const key = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && !typing && (key === "z" || key === "y")) {
      event.preventDefault();
      event.stopPropagation();
      if (key === "y" || event.shiftKey) this.redo();
      else this.undo();
    } else if (event.key === "Enter" && event.target.closest(".irr-handles, .irr-tree")) {
      event.preventDefault();
      event.stopPropagation();
      this.apply();
    } else if (event.key === "Escape" && this.dragged) {
      this.dragged = null;
      this.draw();
    } else if (event.target.closest(".irr-handles, .irr-tree, .irr-side")) {
      event.stopPropagation(); // a notebook has shortcuts of its own
    }
  }

  // -------------------------------------------------------------- small plots

  drawStrip() {
    const { strip } = this.parts;
    if (this.view !== "tube") return;
    const chosen = this.key(this.panelOf(this.drawn(this.gate())));
    const had = strip.contains(document.activeElement) ? document.activeElement.dataset.panel : null;
    strip.replaceChildren(
      ...this.allPanels().map((panel) => {
        const gates = this.gatesOn(panel);
        const canvas = h("canvas", { "aria-hidden": "true" });
        const names = gates.map((gate) => tell(gate.name)).join(", ");
        const current = gates.some((gate) => this.key(this.panelOf(gate)) === chosen);
        const button = h(
          "button",
          { type: "button", class: "irr-mini", "data-panel": this.key(panel), "aria-pressed": String(current), onclick: () => this.pick(gates[0].name), "aria-label": `${names} on ${panel.x} and ${panel.y}, in ${tell(panel.parent || "clean events")}` },
          canvas,
          h("span", { class: "irr-mini-name" }, names),
          h("span", { class: "irr-mini-axes" }, `${panel.x} × ${panel.y}`),
        );
        this.drawMini(canvas, 112, this.panels.get(this.key(panel)), gates, panel);
        return button;
      }),
    );
    if (had) strip.querySelector(`[data-panel="${CSS.escape(had)}"]`)?.focus();
  }

  drawMini(canvas, side, density, gates, panel) {
    const context = sized(canvas, side, side);
    canvas.style.width = canvas.style.height = `${side}px`;
    const frame = frameOf(0, 0, side, side);
    drawEvents(context, frame, density, this.theme);
    for (const gate of gates)
      drawGate(context, frame, gate.gate, panel.x, panel.y, {
        colour: gate.name === this.population ? this.theme.gate : this.theme.other,
        width: 1.5,
        halo: this.theme.halo,
        dash: gate.confidence < DOUBTFUL ? [4, 3] : [],
      });
  }

  // -------------------------------------------------------------- series and all tubes

  get orders() {
    const rank = (tube) => this.standing(tube).rank;
    const byDay = (a, b) => (a.day ?? 1e9) - (b.day ?? 1e9);
    const text = (key) => (a, b) => a[key].localeCompare(b[key]);
    return {
      first: ["What stands out first", (a, b) => rank(b) - rank(a) || text("patient")(a, b) || byDay(a, b)],
      day: ["Patient and day", (a, b) => text("patient")(a, b) || byDay(a, b)],
      batch: ["Batch", (a, b) => text("batch")(a, b) || text("patient")(a, b) || byDay(a, b)],
      share: ["Share of the parent", (a, b) => (this.shareOf(b) ?? -1) - (this.shareOf(a) ?? -1)],
    };
  }

  shareOf(tube) {
    const thumbnail = this.thumbnails.get(`${this.population}|${tube.file}`);
    return thumbnail && thumbnail.parentCount ? thumbnail.count / thumbnail.parentCount : null;
  }

  /** What is unusual about a tube's gate, in words and as a rank. */
  standing(tube) {
    const { share: shifted, place, confidence } = this.oddities?.[tube.file] ?? { share: 0, place: 0, confidence: 1 };
    const far = Math.max(Math.abs(shifted), place);
    const odd = far >= FAR;
    const doubtful = confidence < DOUBTFUL;
    const words = [];
    const sd = (value) => `${Math.abs(value).toFixed(1)} robust SD`;
    if (place >= FAR) words.push(`the gate lies ${sd(place)} from the panel's`);
    if (Math.abs(shifted) >= FAR) words.push(`share ${sd(shifted)} ${shifted > 0 ? "above" : "below"} the panel's median`);
    if (doubtful) words.push(`low confidence ${confidence.toFixed(2)}`);
    if (tube.status === "flagged") words.push("flagged");
    const rank = (odd ? 100 + far : 0) + (doubtful ? 50 * (1 - confidence) : 0) + (tube.status === "flagged" ? 1 : 0);
    return { odd, doubtful, words, rank };
  }

  async showSheet() {
    const population = this.population;
    const turn = (this.turn = Symbol("sheet"));
    const { reply } = await this.ask({ ask: "oddities", population });
    if (turn !== this.turn) return;
    this.oddities = reply.oddities;
    const tubes = (this.view === "series" ? this.series : this.study.tubes).filter((tube) => tube.file in this.oddities);
    const missing = tubes.filter((tube) => !this.thumbnails.has(`${population}|${tube.file}`));
    this.listSheet(tubes);
    for (let at = 0; at < missing.length; at += BATCH) {
      const files = missing.slice(at, at + BATCH).map((tube) => tube.file);
      const { reply: told, buffers } = await this.ask({ ask: "thumbnails", population, files });
      told.thumbnails.forEach((thumbnail, i) => this.keep(population, thumbnail, buffers[i]));
      if (turn !== this.turn) return;
      for (const file of files) this.painters.get(file)?.();
    }
    if (this.order === "share") this.listSheet(tubes);
    for (const tube of tubes.filter((t) => this.stale?.has(t.file))) {
      const { reply: told, buffers } = await this.ask({ ask: "fresh", population, file: tube.file });
      told.thumbnails.forEach((thumbnail, i) => this.keep(population, thumbnail, buffers[i]));
      if (turn !== this.turn) return;
      this.painters.get(tube.file)?.();
    }
    this.root.dataset.sheet = `${this.view} ${population} ${tubes.length}`;
  }

  keep(population, thumbnail, buffer) {
    const density = { levels: new Uint8Array(buffer), side: Math.sqrt(buffer.byteLength) };
    this.thumbnails.set(`${population}|${thumbnail.file}`, { ...thumbnail, density });
  }

  listSheet(tubes) {
    const { sheet } = this.parts;
    const all = this.view === "all";
    const side = all ? 86 : 200;
    const standings = tubes.map((tube) => this.standing(tube));
    const odd = standings.filter((standing) => standing.odd || standing.doubtful).length;
    const populations = this.study.populations[this.entry.panel];
    const gates = h("select", { "aria-label": "Gate", onchange: (event) => this.pick(event.target.value) });
    gates.append(...populations.filter((name) => this.base.get(name)?.gate).map((name) => h("option", { value: name }, tell(name))));
    gates.value = this.population;
    const order = h("select", { "aria-label": "Order", onchange: (event) => { this.order = event.target.value; this.listSheet(tubes); } });
    order.append(...Object.entries(this.orders).map(([value, [label]]) => h("option", { value }, label)));
    order.value = this.order;
    this.painters = new Map();
    const sorted = [...tubes].sort(this.orders[this.order][1]);
    const items = sorted.map((tube) => this.sheetItem(tube, side));
    const name = all ? `${tubes.length} tubes` : `${this.entry.patient || "No patient"}: ${tubes.length} tubes of ${this.entry.panel}`;
    sheet.className = `irr-sheet ${all ? "irr-all" : "irr-series"}`;
    sheet.replaceChildren(
      h("div", { class: "irr-sheetbar" }, h(this.heading, { class: "irr-heading" }, name), h("label", {}, "Gate ", gates), h("label", {}, "Order ", order),
        h("p", { class: "irr-legend" }, h("span", { class: "irr-key irr-odd" }, "▲"), " unusual gate or share, ", h("span", { class: "irr-key irr-low" }, "?"), ` low confidence: ${odd} of ${tubes.length}; `, h("span", { class: "irr-key irr-flag" }, "!"), " flagged tube")),
      h("ul", { class: "irr-grid" }, ...items),
    );
    for (const paint of this.painters.values()) paint();
  }

  sheetItem(tube, side) {
    const standing = this.standing(tube);
    const canvas = h("canvas", { "aria-hidden": "true" });
    canvas.style.width = canvas.style.height = `${side}px`;
    const value = h("span", { class: "irr-value" }, "…");
    const all = this.view === "all";
    const label = all ? `${tube.patient} ${tellDay(tube.day)}` : tellDay(tube.day);
    const role = tube.role === "draw" ? "" : ` ${tell(tube.role)}`;
    const badge = standing.odd ? "▲" : standing.doubtful ? "?" : tube.status === "flagged" ? "!" : "";
    const button = h(
      "button",
      { type: "button", class: `irr-thumb${standing.odd ? " irr-odd" : ""}${standing.doubtful ? " irr-low" : ""}${tube.file === this.file ? " irr-current" : ""}`, "data-file": tube.file, onclick: () => { this.view = "tube"; this.openTube(tube.file, this.population); } },
      canvas,
      badge ? h("span", { class: `irr-badge${badge === "!" ? " irr-flag" : ""}`, "aria-hidden": "true" }, badge) : null,
      h("span", { class: "irr-label" }, label, all ? "" : role),
      value,
      all ? h("span", { class: "irr-label" }, tube.panel, role) : null,
    );
    const population = this.population;
    this.painters.set(tube.file, () => {
      const thumbnail = this.thumbnails.get(`${population}|${tube.file}`);
      const context = sized(canvas, side, side);
      const frame = frameOf(0, 0, side, side);
      drawEvents(context, frame, thumbnail?.density, this.theme);
      let told = "no gate";
      if (thumbnail) {
        drawGate(context, frame, thumbnail.gate, thumbnail.x, thumbnail.y, { colour: this.theme.gate, width: 1.6, halo: this.theme.halo, dash: standing.doubtful ? [4, 3] : [] });
        told = share(thumbnail.count, thumbnail.parentCount);
        value.textContent = `${told}${thumbnail.source === "override" ? ", by hand" : ""}`;
      } else value.textContent = "…";
      const words = standing.words.length ? `. ${standing.words.join(", ")}` : "";
      button.title = `${tubeName(tube)}: ${tell(population)} ${told}${words}${tube.reason ? `\n${tell(tube.reason)}` : ""}`;
      button.setAttribute("aria-label", `${tubeName(tube)}: ${tell(population)} ${told}${words}`);
    });
    return h("li", {}, button);
  }
}

// ---------------------------------------------------------------- the three places

async function start(root, host) {
  const review = new Review(root, host);
  await review.open();
  return review;
}

/** anywidget's way in. */
function render({ model, el }) {
  const root = document.createElement("div");
  el.append(root);
  const review = new Review(root, notebookHost(model));
  review.open();
  return () => review.close();
}

export default { render };

const place = globalThis.document?.querySelector("[data-review-host]");
if (place?.dataset.reviewHost === "page") start(place, pageHost());
if (place?.dataset.reviewHost === "report") {
  const data = JSON.parse(document.getElementById("review-data").textContent);
  // A page of many patients should be read before it draws anything.
  new IntersectionObserver((seen, observer) => {
    if (!seen.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    start(place, reportHost(data));
  }, { rootMargin: "600px" }).observe(place);
}
