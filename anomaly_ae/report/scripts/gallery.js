// The gallery: each picture is in the page once; the pane beside its map shows the same image without the layers.
const closer = document.getElementById("closer");

function arrangeGallery() {
  const cards = [...document.querySelectorAll(".card")];
  const title = document.getElementById("closer-title");
  let current = null;

  const shown = () => cards.filter((card) => !card.hidden);

  function plainPane(map) {
    const pane = make("div", "pane", map.querySelector(".photo").cloneNode());
    pane.style.aspectRatio = map.style.aspectRatio;
    return pane;
  }

  function addPane(card) {
    const map = card.querySelector(".pane.map");
    const button = make("button", "panes", plainPane(map), map);
    button.type = "button";
    button.setAttribute("aria-label", `Enlarge ${card.querySelector(".row-id").textContent}`);
    button.addEventListener("click", () => open(card));
    card.querySelector(".panes").replaceWith(button);
  }

  function show(card) {
    current = card;
    title.textContent = card.querySelector(".row-id").textContent;
    const panes = [...card.querySelectorAll(".pane")].map((pane) => pane.cloneNode(true));
    const [width, height] = panes[0].style.aspectRatio.split("/").map(Number);
    closer.style.setProperty("--proportion", width / height);
    closer.querySelector(".panes").replaceChildren(...panes);
    for (const line of [".what", ".which"]) {
      closer.querySelector(line).replaceChildren(...card.querySelector(line).cloneNode(true).childNodes);
    }
    const index = shown().indexOf(card);
    closer.querySelector("[data-step='-1']").disabled = index <= 0;
    closer.querySelector("[data-step='1']").disabled = index === shown().length - 1;
  }

  function open(card) {
    show(card);
    closer.showModal();
  }

  function step(by) {
    const next = shown()[shown().indexOf(current) + by];
    if (next) show(next);
  }

  function pick(chosen) {
    for (const button of document.querySelectorAll(".verdicts button")) {
      button.setAttribute("aria-pressed", String(button === chosen));
    }
    for (const card of cards) card.hidden = !["", card.dataset.verdict].includes(chosen.dataset.verdict);
  }

  cards.forEach(addPane);
  for (const button of document.querySelectorAll(".verdicts button")) button.addEventListener("click", () => pick(button));
  for (const button of closer.querySelectorAll("[data-step]")) {
    button.addEventListener("click", () => (button.dataset.step === "0" ? closer.close() : step(Number(button.dataset.step))));
  }
  for (const box of closer.querySelectorAll("[data-layer]")) {
    box.addEventListener("change", () => closer.classList.toggle(`without-${box.dataset.layer}`, !box.checked));
  }
  closer.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  });
  closer.addEventListener("click", (event) => { if (event.target === closer) closer.close(); });
  closer.addEventListener("close", () => current.querySelector("button.panes").focus());
  document.querySelector(".verdicts").hidden = false;
}

if (closer) arrangeGallery();
