/**
 * Starts the page where the browser has all that it uses, and else says what is missing. It is
 * built for browsers of long ago and by itself: what they cannot read, such as a module of today,
 * does not run at all. What it asks for came last to each browser: see docs/page.md.
 */
(() => {
  const isOld = () =>
    typeof Array.prototype.toSorted !== "function" || // Chrome 110, Firefox 115, Safari 16
    typeof OffscreenCanvas !== "function" || // Safari 16.4
    !OffscreenCanvas.prototype.convertToBlob ||
    !HTMLCanvasElement.prototype.transferControlToOffscreen ||
    !CSS.supports("selector(:has(*))"); // Firefox 121

  if (!isOld()) {
    const page = document.createElement("script");
    page.type = "module";
    page.src = "/page.js";
    document.head.append(page);
    return;
  }
  const welcome = document.getElementById("welcome")!;
  welcome.setAttribute("role", "alert");
  welcome.innerHTML = "<h1>This browser is too old</h1><p>lkstream needs Chrome or Edge 110, " +
    "Firefox 121, Safari 16.4 (iOS 16.4), or later. Update this browser or the system, or open " +
    "this address in another browser.</p>";
  document.getElementById("state")!.textContent = "Browser too old";
  document.getElementById("controls")!.hidden = true; // they have nothing to choose from
})();
