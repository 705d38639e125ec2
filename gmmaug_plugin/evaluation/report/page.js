"use strict";
// Without this script every strength of every photo is on the page; with it, a slider picks one.
(() => {
  const section = document.querySelector("[data-rerendered]");
  if (!section) return;
  const control = section.querySelector("[data-control]");
  const slider = control.querySelector("input");
  const output = control.querySelector("output");
  const strips = [...section.querySelectorAll("[data-strip]")].map((strip) => [...strip.children].slice(1));

  const show = () => {
    const step = Number(slider.value);
    for (const steps of strips) {
      steps.forEach((item, place) => { item.hidden = place !== step; });
    }
    const text = `Strength ${strips[0][step].querySelector("figcaption").textContent}`;
    slider.setAttribute("aria-valuetext", text);
    output.textContent = text;
  };

  slider.addEventListener("input", show);
  control.hidden = false;
  section.classList.add("stepped");
  show();
})();
