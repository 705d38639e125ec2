"use strict";
// Without this script every strength of every varied photo is on the page; with it, a slider picks one.
(() => {
  const section = document.querySelector("[data-variations]");
  if (!section) return;
  const control = section.querySelector("[data-control]");
  const slider = control.querySelector("input");
  const output = control.querySelector("output");
  const strips = [...section.querySelectorAll("[data-strip]")].map((strip) => [...strip.children]);
  const texts = [...section.querySelectorAll("[data-texts] li")].map((item) => item.textContent);

  for (const steps of strips) {
    const photo = steps[0].cloneNode(true);
    photo.querySelector("img").alt = steps[0].querySelector("img").dataset.photo;
    photo.querySelector("figcaption").textContent = "photo";
    steps[0].before(photo);
  }

  const show = () => {
    const step = Number(slider.value);
    for (const steps of strips) {
      steps.forEach((item, place) => { item.hidden = place !== step; });
    }
    slider.setAttribute("aria-valuetext", texts[step]);
    output.textContent = texts[step];
  };

  slider.addEventListener("input", show);
  control.hidden = false;
  section.classList.add("stepped");
  show();
})();
