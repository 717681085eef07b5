// The server knows what has been answered; the page shows it, and sends one answer at a time.
"use strict";

const $ = id => document.getElementById(id);
const viewer = $("viewer");
const MAX_ZOOM = 8;
let state = null;
let busy = true;
let zoom = 1;
let ahead = null; // the image after this one, loading

const setBusy = now => {
  busy = now;
  viewer.setAttribute("aria-busy", now);
};

const problem = text => {
  $("problem").textContent = text;
  $("problem").hidden = !text;
};

async function ask(path, body) {
  const options = body === undefined ? {} : {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  };
  const response = await fetch(path, options);
  if (!response.ok && response.status !== 409) throw new Error(await response.text());
  return response.status === 409 ? ask("/state") : response.json();
}

// Ask the server, and show what it says. Nothing else is sent meanwhile, so that no key answers for
// an image that has not been seen.
async function send(path, body, done = "") {
  if (busy && state) return;
  setBusy(true);
  try {
    state = await ask(path, body);
    problem("");
    await show(done);
  } catch (error) {
    problem(`This was not saved: ${error.message || "no answer"}. Is 'twinlens label' still running? Start it again, and open the address that it prints; all earlier answers are kept.`);
  }
  setBusy(false);
  document.querySelectorAll(".pressed").forEach(button => button.classList.remove("pressed"));
}

const load = number => Object.assign(new Image(), { src: `/image/${number}`, alt: "Image to label" });

async function show(done) {
  const { total, number } = state;
  const finished = number === null;
  $("count").textContent = `${state.done} of ${total}`;
  $("progress").max = total;
  $("progress").value = state.done;
  $("status").textContent = done;
  if (!$("classes").children.length) addClasses();
  document.querySelectorAll(".picture, .answers").forEach(part => { part.hidden = finished; });
  $("finished").hidden = !finished;
  if (finished) {
    $("summary").textContent = `${total} of ${total} have an answer. ${done}`;
    $("finished").focus();
    return;
  }
  $("name").textContent = $("name").title = state.id;
  $("predicted").hidden = !state.predicted;
  $("predicted").textContent = `The model predicts ${state.predicted}`;
  const image = ahead && ahead.number === number ? ahead.image : load(number);
  viewer.replaceChildren(image);
  setZoom(1);
  ahead = state.next === null ? null : { number: state.next, image: load(state.next) };
  await image.decode().catch(() => problem("This image cannot be shown: answer 'cannot tell'."));
}

function addClasses() {
  for (const { name, key, title } of state.classes) {
    const button = document.createElement("button");
    const [cap, text] = [document.createElement("kbd"), document.createElement("span")];
    button.type = "button";
    button.setAttribute("aria-keyshortcuts", key.toUpperCase());
    cap.textContent = key;
    text.textContent = name;
    if (title) text.append(Object.assign(document.createElement("small"), { textContent: title }));
    button.append(cap, text);
    button.addEventListener("click", () => answer(button, name));
    $("classes").append(button);
  }
}

function answer(button, label) {
  if (busy || state.number === null) return;
  button.classList.add("pressed");
  const words = label === null ? "Saved: cannot tell." : `Saved: ${label}.`;
  send("/answer", { number: state.number, label }, words);
}

const undo = () => {
  if (state && state.done) send("/undo", {}, "Taken back: answer again.");
  else $("status").textContent = "Nothing to take back.";
};

// Zoom about a point of the image, by default its centre.
function setZoom(to, x = viewer.clientWidth / 2, y = viewer.clientHeight / 2) {
  const factor = Math.min(MAX_ZOOM, Math.max(1, to)) / zoom;
  const [left, top] = [(viewer.scrollLeft + x) * factor - x, (viewer.scrollTop + y) * factor - y];
  zoom *= factor;
  viewer.style.setProperty("--zoom", zoom);
  viewer.classList.toggle("zoomed", zoom > 1);
  viewer.scrollTo(left, top);
  $("zoom").textContent = `${Math.round(zoom * 100)} %`;
}

viewer.addEventListener("click", event => {
  const box = viewer.getBoundingClientRect();
  setZoom(zoom > 1 ? 1 : 3, event.clientX - box.left, event.clientY - box.top);
});
$("larger").addEventListener("click", () => setZoom(zoom * 1.5));
$("smaller").addEventListener("click", () => setZoom(zoom / 1.5));
$("unclear").addEventListener("click", () => answer($("unclear"), null));
$("undo").addEventListener("click", undo);
$("back").addEventListener("click", undo);

const KEYS = {
  "0": () => answer($("unclear"), null), "z": undo, "backspace": undo,
  "+": () => setZoom(zoom * 1.5), "=": () => setZoom(zoom * 1.5), "-": () => setZoom(zoom / 1.5),
  "arrowleft": () => viewer.scrollBy(-80, 0), "arrowright": () => viewer.scrollBy(80, 0),
  "arrowup": () => viewer.scrollBy(0, -80), "arrowdown": () => viewer.scrollBy(0, 80),
};

addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || !state) return;
  const key = event.key.toLowerCase();
  const arrow = key.startsWith("arrow");
  if (event.repeat && !arrow) { // a key that is held answers once
    event.preventDefault();
    return;
  }
  const place = state.classes.findIndex(item => item.key === key);
  if (place >= 0) answer($("classes").children[place], state.classes[place].name);
  else if (KEYS[key]) KEYS[key]();
  else return;
  event.preventDefault();
});

send("/state");
