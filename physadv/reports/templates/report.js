(function () {
  "use strict";
  var root = document.documentElement, key = "physadv-report-theme";
  function stored() { try { return localStorage.getItem(key); } catch (e) { return null; } }
  function store(value) { try { localStorage.setItem(key, value); } catch (e) { return; } }
  function dark() {
    return root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  }
  var toggle = document.getElementById("theme"), chosen = stored();
  if (chosen === "dark" || chosen === "light") { root.dataset.theme = chosen; }
  function name() { toggle.textContent = dark() ? "Light theme" : "Dark theme"; }
  toggle.hidden = false;
  toggle.addEventListener("click", function () { root.dataset.theme = dark() ? "light" : "dark"; store(root.dataset.theme); name(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", name);
  name();

  function select(node) {
    var range = document.createRange();
    range.selectNodeContents(node);
    var selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  }
  document.querySelectorAll(".code button").forEach(function (button) {
    var text = button.parentNode.querySelector("pre");
    function say(word) { button.textContent = word; setTimeout(function () { button.textContent = "Copy"; }, 1500); }
    button.hidden = false;
    button.addEventListener("click", function () {
      function byHand() { select(text); say("Selected"); }
      if (!navigator.clipboard) { byHand(); return; }
      navigator.clipboard.writeText(text.textContent).then(function () { say("Copied"); }, byHand);
    });
  });

  /* Results of a large run are packed (gzip in base64), and unpacked when they are asked for. */
  var place = document.getElementById("result-place"), hint = document.getElementById("result-hint");
  function unpack() {
    var anchor = location.hash.slice(1), pack = document.getElementById("pack-" + anchor);
    if (!place || !pack) { return; }
    if (!window.DecompressionStream) { hint.textContent = "This browser cannot unpack the result; it is in summary.json, beside this page."; return; }
    var bytes = Uint8Array.from(atob(pack.textContent), function (letter) { return letter.charCodeAt(0); });
    new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text().then(function (html) {
      place.innerHTML = html;
      hint.hidden = true;
      document.getElementById(anchor).scrollIntoView();
    });
  }
  addEventListener("hashchange", unpack);
  unpack();

  var opened = [];
  addEventListener("beforeprint", function () {
    opened = Array.prototype.slice.call(document.querySelectorAll("details:not([open])"));
    opened.forEach(function (part) { part.open = true; });
  });
  addEventListener("afterprint", function () { opened.forEach(function (part) { part.open = false; }); });
})();
