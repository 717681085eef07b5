"use strict";
const at = (id) => document.getElementById(id);
const percent = (p) => (p > 0 && p < 0.001 ? "< 0.1 %" : `${(100 * p).toFixed(1)} %`);
const NEAREST = 6;
let about = null;
let learning = null; // what the model is, on its way
let token = "";
let number = 0; // of the upload whose answer is shown: a later one wins

function element(name, text, parent, kind) {
  const made = document.createElement(name);
  if (text) made.textContent = text; // never as HTML: names of classes come from files
  if (kind) made.className = kind;
  parent.append(made);
  return made;
}

function send(path, options = {}) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  return fetch(path, { ...options, headers });
}

function fail(text) {
  at("status").textContent = "";
  at("error").textContent = text;
  at("result").hidden = true;
}

async function learn() {
  let response;
  try {
    response = await send("model");
  } catch {
    return fail("The server cannot be reached.");
  }
  at("key").hidden = response.status !== 401 && !token;
  if (!response.ok) {
    if (token || response.status !== 401) fail((await response.json()).detail);
    return at("token").focus();
  }
  about = await response.json();
  at("key").hidden = true;
  at("error").textContent = "";
  const titles = about.classes.map((each) => each.title);
  at("about").hidden = false;
  at("about").firstChild.textContent = `The model tells ${titles.length} classes apart`;
  at("about").lastChild.textContent = `${titles.join(", ")}.`;
  at("limits").textContent = about.limits;
  document.querySelector("#hint .coverage").hidden = about.coverage === null;
  document.querySelector("#hint .grad-cam").hidden = !about.grad_cam;
  document.querySelector("#hint .nearest").hidden = !about.nearest;
  document.querySelector("#hint .kept").textContent = about.kept
    ? "It is stored there with the answer."
    : "It is not stored.";
}

async function classify(file) {
  if (!file) return;
  const mine = ++number;
  show(file);
  await learning;
  if (mine !== number) return;
  if (!about) return fail("Unlock the server with its access token first.");
  if (file.size > about.max_bytes - 1000) {
    const [has, may] = [file.size, about.max_bytes].map((bytes) => (bytes / 1e6).toFixed(0));
    return fail(`This file has ${has} MB; the server takes up to ${may} MB.`);
  }
  at("error").textContent = "";
  at("status").classList.remove("unseen");
  at("status").textContent = "Classifying …";
  const form = new FormData();
  form.append("images", file, "image"); // the name of the file stays here
  const nearest = about.nearest ? NEAREST : 0;
  try {
    const response = await send(`predict?grad_cam=${about.grad_cam}&nearest=${nearest}`, {
      method: "POST",
      body: form,
    });
    const content = await response.json();
    if (mine !== number) return;
    if (response.ok) tell(content.answers[0]);
    else fail(content.detail);
  } catch {
    if (mine === number) fail("The server cannot be reached, or has closed the connection.");
  }
}

function show(file) {
  URL.revokeObjectURL(at("photo").src);
  at("photo").src = URL.createObjectURL(file);
  for (const id of ["heat", "show", "scale", "hint", "empty", "result"]) at(id).hidden = true;
  at("shown").hidden = false;
  at("drop").classList.add("filled");
  at("choose").textContent = "Another file";
}

function tell(answer) {
  const [first] = answer.classes;
  at("answer").replaceChildren();
  element("span", first.title, at("answer"));
  element("span", percent(first.probability), at("answer"));
  at("unlike").hidden = !answer.unlike_training;
  tellGroups(answer.groups);
  tellSet(answer);
  tellClasses(answer);
  tellCases(answer.nearest);
  if (answer.grad_cam && !at("shown").hidden) {
    at("heat").src = answer.grad_cam;
    at("what").textContent = `Show where the model sees “${first.title}” (Grad-CAM)`;
    at("show").hidden = false;
    overlay();
  }
  at("result").hidden = false;
  at("status").classList.add("unseen"); // it repeats the result, for those who listen
  const warning = answer.unlike_training ? " Warning: unlike the training images." : "";
  at("status").textContent = `Most probable: ${first.title}, ${percent(first.probability)}.${warning}`;
}

function tellGroups(groups) {
  at("groups").replaceChildren();
  groups.sort((a, b) => b.name.localeCompare(a.name)); // malignant before benign, always
  for (const group of groups) {
    const part = element("div", "", at("groups"));
    part.dataset.group = group.name;
    part.style.flexGrow = Math.max(group.probability, 0.02);
    element("i", "", part);
    element("span", `${group.name} `, part);
    element("b", percent(group.probability), part);
  }
}

function tellSet(answer) {
  at("set").replaceChildren();
  at("set").hidden = answer.prediction_set === null;
  if (answer.prediction_set === null) return;
  const titles = answer.classes
    .filter((each) => answer.prediction_set.includes(each.name))
    .map((each) => each.title);
  const share = about.coverage === null ? "" : ` (${(100 * about.coverage).toFixed(0)} % coverage)`;
  let listed = titles.length > 1 ? `${titles.slice(0, -1).join(", ")} or ${titles.at(-1)}` : titles[0];
  if (titles.length > 3) listed = `${titles.length} of the ${answer.classes.length} classes, in bold below`;
  element("b", `Plausible${share}: `, at("set"));
  at("set").append(titles.length ? `${listed}.` : "none of the classes.");
}

function tellClasses(answer) {
  at("classes").replaceChildren();
  const plausible = answer.prediction_set ?? [answer.predicted];
  for (const each of answer.classes) {
    const row = element("li", "", at("classes"), plausible.includes(each.name) ? "in" : "");
    const name = element("span", each.title, row);
    if (each.group) element("small", ` ${each.group}`, name);
    element("i", "", row).style.width = `${100 * each.probability}%`;
    element("b", percent(each.probability), row);
  }
}

function tellCases(cases) {
  const list = document.querySelector("#cases ol");
  list.replaceChildren();
  at("cases").hidden = !cases.length;
  for (const each of cases) {
    const item = element("li", "", list);
    if (each.picture) {
      const picture = element("img", "", item);
      [picture.src, picture.alt] = [each.picture, ""];
    }
    element("b", each.title, item);
    element("span", each.id, item);
    element("span", `distance ${each.distance.toFixed(2)}`, item);
  }
}

function overlay() {
  at("heat").hidden = at("scale").hidden = !at("overlay").checked;
}

at("choose").addEventListener("click", () => at("file").click());
at("take").addEventListener("click", () => at("camera").click());
for (const id of ["file", "camera"])
  at(id).addEventListener("change", (event) => {
    classify(event.target.files[0]);
    event.target.value = ""; // so that the same file can be chosen again
  });
at("overlay").addEventListener("change", overlay);
at("key").addEventListener("submit", (event) => {
  event.preventDefault();
  token = at("token").value.trim();
  learning = learn();
});
at("photo").addEventListener("error", () => {
  // it is no image, or of a kind such as DICOM that browsers do not show
  at("shown").hidden = at("show").hidden = at("scale").hidden = true;
  at("empty").hidden = false;
  at("drop").classList.remove("filled");
});
for (const kind of ["dragover", "dragleave", "drop"])
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    at("drop").classList.toggle("over", kind === "dragover");
    if (kind === "drop") classify(event.dataTransfer.files[0]);
  });
document.addEventListener("paste", (event) => {
  if (event.clipboardData.files.length) classify(event.clipboardData.files[0]);
});
learning = learn();
