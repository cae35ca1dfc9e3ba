"use strict";
// Everything is made with textContent: no string from a run is ever read as markup.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = new Map(data.items.map((item) => [item.id, item]));
  const cards = [...document.querySelectorAll("#items details.item")];
  const flips = [...document.querySelectorAll("#flips details.item")];
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const SYMBOLS = data.symbols;

  const make = (tag, cls, text) => {
    const node = document.createElement(tag);
    if (cls) node.className = cls;
    if (text !== undefined && text !== null) node.textContent = text;
    return node;
  };
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

  // ---- sound -------------------------------------------------------------------------------
  const RAMPS = {
    light: [[253, 252, 250], [198, 220, 230], [96, 160, 192], [24, 92, 140], [7, 28, 56]],
    dark: [[22, 25, 29], [24, 52, 76], [30, 106, 146], [116, 188, 196], [250, 242, 206]],
  };
  const ramp = () => {
    const stops = dark.matches ? RAMPS.dark : RAMPS.light;
    return Array.from({ length: 256 }, (_, level) => {
      const at = (level / 255) * (stops.length - 1);
      const low = Math.min(Math.floor(at), stops.length - 2);
      return stops[low].map((v, i) => v + (stops[low + 1][i] - v) * (at - low));
    });
  };
  const drawMel = (canvas, mel) => {
    const [columns, bands] = [data.columns, data.bands];
    canvas.width = columns;
    canvas.height = bands;
    const context = canvas.getContext("2d");
    const image = context.createImageData(columns, bands);
    const colours = ramp();
    for (let x = 0; x < columns; x++) {
      for (let y = 0; y < bands; y++) {
        const colour = colours[mel[x * bands + y]];
        const at = 4 * ((bands - 1 - y) * columns + x);
        for (let i = 0; i < 3; i++) image.data[at + i] = colour[i];
        image.data[at + 3] = 255;
      }
    }
    context.putImageData(image, 0, 0);
  };
  const drawWave = (canvas, wave) => {
    const tall = 104;
    canvas.width = 3 * data.columns;
    canvas.height = tall;
    const context = canvas.getContext("2d");
    context.fillStyle = getComputedStyle(document.body).getPropertyValue("--audio");
    let peak = 8;  // quiet clips are scaled up, but near-silence is not
    for (const value of wave) peak = Math.max(peak, Math.abs(value - 127.5));
    for (let x = 0; x < data.columns; x++) {
      const high = ((wave[2 * x + 1] - 127.5) / peak) * (tall / 2 - 4);
      const low = ((wave[2 * x] - 127.5) / peak) * (tall / 2 - 4);
      context.fillRect(3 * x, tall / 2 - high, 2, Math.max(high - low, 1.5));
    }
  };
  const player = (clip, number, many) => {
    const figure = make("figure", "clip");
    const caption = make("figcaption");
    caption.append(make("b", "", many ? `clip ${number}` : "clip"), ` ${clip.name}`);
    figure.append(caption);
    const sound = clip.sound === null ? null : data.sounds[clip.sound];
    if (!sound) {
      figure.append(make("p", "fault", clip.fault || "Its audio is not in this page."));
      return figure;
    }
    const [wave, mel] = [bytes(sound.wave), bytes(sound.mel)];
    const scene = make("div", "scene");
    scene.setAttribute("role", "img");
    scene.setAttribute("aria-label",
      `waveform and mel spectrogram, ${sound.seconds.toFixed(1)} seconds, 0 to ${sound.rate_hz / 2000} kHz`);
    const [upper, lower, head] = [make("canvas", "wave"), make("canvas", "mel"), make("div", "head")];
    scene.append(upper, lower, head);
    const axis = make("div", "axis-row");
    for (const text of ["0 s", `0–${sound.rate_hz / 2000} kHz, mel`, `${sound.seconds.toFixed(1)} s`])
      axis.append(make("span", "", text));
    const audio = make("audio");
    audio.controls = true;
    audio.preload = "metadata";
    audio.src = sound.uri;
    audio.setAttribute("aria-label", `clip ${number}: ${clip.name}`);
    const draw = () => { drawWave(upper, wave); drawMel(lower, mel); };
    draw();
    dark.addEventListener("change", draw);
    const follow = () => {
      head.style.left = `${(100 * audio.currentTime) / (audio.duration || sound.seconds)}%`;
      if (!audio.paused) requestAnimationFrame(follow);
    };
    audio.addEventListener("play", () => {
      for (const other of document.querySelectorAll("audio")) if (other !== audio) other.pause();
      follow();
    });
    audio.addEventListener("seeked", follow);
    scene.addEventListener("click", (event) => {
      const box = scene.getBoundingClientRect();
      audio.currentTime = ((event.clientX - box.left) / box.width) * (audio.duration || sound.seconds);
      audio.play();
    });
    figure.append(scene, axis, audio);
    return figure;
  };

  // ---- one item ----------------------------------------------------------------------------
  const outcome = (answer) => {
    const cell = make("th");
    cell.scope = "col";
    cell.append(make("span", `mark o-${answer.outcome}`, `${SYMBOLS[answer.outcome]} `), answer.heading);
    if (answer.asked > 1) cell.append(make("small", "", ` ${answer.right}/${answer.asked}`));
    return cell;
  };
  const probability = (answer, choice) => {
    const cell = make("td");
    if (answer.p) {
      const [bar, fill] = [make("span", "bar"), make("i")];
      fill.style.width = `${100 * answer.p[choice]}%`;
      bar.append(fill);
      cell.append(bar, answer.p[choice].toFixed(2));
    }
    const picks = answer.picks[choice];
    if (picks) cell.append(make("span", "pick", answer.asked > 1 ? `● ${picks}×` : "●"));
    if (!answer.p && !picks) cell.append("·");
    return cell;
  };
  const choices = (item) => {
    const table = make("table", "answers");
    const [head, body] = [make("thead"), make("tbody")];
    const top = make("tr");
    top.append(make("th", "", "choice (● chosen)"), ...item.answers.map(outcome));
    head.append(top);
    item.choices.forEach((choice, at) => {
      const row = make("tr", at === item.gold ? "gold" : "");
      const name = make("th", "", choice);
      name.scope = "row";
      if (at === item.gold) name.append(make("span", "tag", "✓ true"));
      row.append(name, ...item.answers.map((answer) => probability(answer, at)));
      body.append(row);
    });
    table.append(head, body);
    const box = make("div", "scroll");
    box.append(table);
    return box;
  };
  const facts = (lines) => {
    const list = make("dl", "facts");
    for (const [name, value, cls, more] of lines) {
      const text = make("dd", cls || "", value);
      if (more) text.append(make("small", "", more));
      list.append(make("dt", "", name), text);
    }
    return list;
  };
  const fill = (card) => {
    if (card.dataset.filled) return;
    card.dataset.filled = "1";
    const item = byId.get(card.dataset.id);
    const body = card.querySelector(".body");
    const clips = make("div", "clips");
    item.clips.forEach((clip, at) => clips.append(player(clip, at + 1, item.clips.length > 1)));
    if (item.clips.length) body.append(clips);
    const [was, now] = item.change || [];
    if (was && card.closest("#flips")) body.append(facts([["true answer", item.answer],
      ["before", was.said || was.word, "quote", SYMBOLS[was.outcome]], ["after", now.said || now.word, "quote", SYMBOLS[now.outcome]]]));
    if (item.choices.length) body.append(choices(item));
    body.append(facts([
      ...(item.choices.length ? [] : [["true answer", item.answer]]),
      ...item.replies.map((r) => [`reply, ${r.who}`, r.said, "quote", r.rule]), ...item.rationales.map((text) => ["rationale", text]), ...item.facts,
    ]));
  };
  for (const card of [...cards, ...flips]) card.addEventListener("toggle", () => {
    if (card.open) fill(card);
    else for (const audio of card.querySelectorAll("audio")) audio.pause();
  });

  // ---- filters -----------------------------------------------------------------------------
  const form = document.querySelector("form.filters");
  const count = document.getElementById("count");
  const shown = () => cards.filter((card) => !card.hidden);
  const filter = () => {
    const want = Object.fromEntries(new FormData(form));
    const words = want.find.toLowerCase().split(/\s+/).filter(Boolean);
    for (const card of cards) {
      const item = byId.get(card.dataset.id);
      const got = item.outcomes[want.condition] || "";
      card.hidden = !((!want.outcome || got === want.outcome) && (!want.task || item.task === want.task)
        && (!want.flip || item.flip === want.flip)
        && (!want.label || item.label === want.label)
        && words.every((word) => item.search.includes(word)));
      const mark = card.querySelector(".mark");
      mark.textContent = SYMBOLS[got] || "·";
      mark.className = `mark o-${got}`;
      mark.title = got ? `${got}, condition ${want.condition}` : "not asked";
    }
    count.textContent = `${shown().length} of ${cards.length} items`;
  };
  if (form) {
    form.addEventListener("input", filter);
    form.addEventListener("submit", (event) => event.preventDefault());
    document.getElementById("clear").addEventListener("click", () => { form.reset(); filter(); });
    filter();
  }
  const tabs = document.querySelector("form.tabs");
  if (tabs) {
    const sift = () => {
      const want = Object.fromEntries(new FormData(tabs));
      const words = want.find.toLowerCase().split(/\s+/).filter(Boolean);
      for (const card of flips) {
        const item = byId.get(card.dataset.id);
        card.hidden = !((!want.to || item.flip === want.to) && words.every((word) => item.search.includes(word)));
      }
      document.getElementById("flip-count").textContent =
        `${flips.filter((card) => !card.hidden).length} of ${flips.length} items`;
    };
    tabs.addEventListener("input", sift);
    tabs.addEventListener("submit", (event) => event.preventDefault());
    sift();
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const focus = document.activeElement;
    const card = focus && focus.matches("details.item > summary") ? focus.parentElement : null;
    if (!card) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      const list = (cards.includes(card) ? cards : flips).filter((one) => !one.hidden);
      const next = list[list.indexOf(card) + step];
      if (next) { next.querySelector("summary").focus(); event.preventDefault(); }
    } else if (event.key === "p") {
      card.open = true;
      fill(card);
      const audio = card.querySelector("audio");
      if (audio) { if (audio.paused) audio.play(); else audio.pause(); }
    }
  });
  const open = () => {
    const card = location.hash.startsWith("#item-") && document.getElementById(location.hash.slice(1));
    if (card) { card.open = true; card.scrollIntoView(); }
  };
  addEventListener("hashchange", open);
  open();

  // ---- tables ------------------------------------------------------------------------------
  for (const head of document.querySelectorAll("table.sortable thead th")) {
    const button = head.querySelector("button");
    if (!button) continue;
    button.addEventListener("click", () => {
      const table = head.closest("table");
      const up = head.getAttribute("aria-sort") === "descending";
      for (const other of table.querySelectorAll("th[aria-sort]")) other.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const at = [...head.parentElement.children].indexOf(head);
      const value = (row) => row.children[at].dataset.value ?? row.children[at].textContent;
      const rows = [...table.tBodies[0].rows].filter((row) => !row.classList.contains("whole"));
      rows.sort((a, b) => {
        const [x, y] = [value(a), value(b)];
        if (x === "" || y === "") return (x === "") - (y === "");
        const order = isNaN(x) || isNaN(y) ? x.localeCompare(y) : x - y;
        return up ? order : -order;
      });
      table.tBodies[0].append(...rows);
    });
  }
})();
