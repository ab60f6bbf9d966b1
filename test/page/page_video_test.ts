import assert from "node:assert/strict";
import { DESKTOP, inPage } from "../lib/page.ts";
import { followSample } from "../lib/stage.ts";

inPage("a video that the browser left empty is told, and not offered", DESKTOP, async (page) => {
  await page.addInitScript(() => {
    MediaRecorder.prototype.start = () => {};
    MediaRecorder.prototype.stop = function () {
      this.dispatchEvent(new BlobEvent("dataavailable", { data: new Blob([]) }));
      this.dispatchEvent(new Event("stop"));
    };
    Object.defineProperty(MediaRecorder.prototype, "state", { get: () => "recording" });
  });
  await followSample(page); // until it is painted: before, there is nothing to record
  await page.getByRole("heading", { name: "Record" }).click();
  await page.click("#record");
  await page.waitForFunction(() =>
    /^[1-9]/.test(document.querySelector("#record-status")!.textContent!)
  );
  await page.click("#record");
  await page.waitForSelector("#record-files a[download$='.csv']");
  assert.match((await page.textContent("#record-status"))!, /recorded no video/);
  assert.equal(await page.locator("#record-files a[download$='.webm']").count(), 0);
});
