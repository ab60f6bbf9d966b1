import assert from "node:assert/strict";
import config from "../../deno.json" with { type: "json" };
import {
  howToInstall,
  inputArguments,
  isAddress,
  isLive,
  withoutPasswords,
} from "../../cli/sources/ffmpeg_arguments.ts";

Deno.test("ffmpeg: each kind of input has its own arguments", () => {
  const said = (name: string) => inputArguments(name).join(" ");
  assert.equal(said("clip.mp4"), "-i file:clip.mp4");
  assert.equal(said("-rtsp:x.mp4"), "-i file:-rtsp:x.mp4");
  assert.match(
    said("rtsp://camera/1"),
    /-rtsp_transport tcp -timeout 10000000 -i rtsp:\/\/camera\/1$/,
  );
  assert.match(said("/dev/video0"), /-use_wallclock_as_timestamps 1 -f v4l2 -i \/dev\/video0$/);
  assert.match(
    said("http://camera/mjpeg"),
    /^-fflags nobuffer .*-use_wallclock_as_timestamps 1 -rw_timeout 10000000 -i http:/,
  );
  assert.equal(said("https://host/clip.mp4"), "-rw_timeout 10000000 -i https://host/clip.mp4");
});

Deno.test("ffmpeg: what is an address, and what is a camera", () => {
  const kinds = [
    "clip.mp4",
    "folder/",
    "/dev/video",
    "https://host/a.webm",
    "rtsp://c",
    "http://c/x",
    "/dev/video2",
  ];
  assert.deepEqual(kinds.map(isAddress), [false, false, false, true, true, true, true]);
  assert.deepEqual(kinds.map(isLive), [false, false, false, false, true, true, true]);
});

Deno.test("ffmpeg: no password of an address is told", () => {
  assert.equal(
    withoutPasswords("Cannot read rtsp://me:s3cret@host/1: tcp://me:@host:554 and http://h/a@b"),
    "Cannot read rtsp://…@host/1: tcp://…@host:554 and http://h/a@b",
  );
});

Deno.test("ffmpeg: the command that installs it is that of the system", () => {
  for (
    const [release, command] of [
      ["ID=debian\n", "sudo apt-get install ffmpeg"],
      ['NAME=Mint\nID=linuxmint\nID_LIKE="ubuntu debian"\n', "sudo apt-get install ffmpeg"],
      ["ID=fedora\n", "sudo dnf install ffmpeg-free"],
      ["ID=alpine\n", "sudo apk add ffmpeg"],
      ["ID=manjaro\nID_LIKE=arch\n", "sudo pacman -S ffmpeg"],
      ['ID=opensuse-leap\nID_LIKE="suse opensuse"\n', "sudo zypper install ffmpeg"],
    ]
  ) {
    assert.equal(howToInstall("linux", release), `To install it: ${command}`);
  }
  assert.equal(howToInstall("darwin", ""), "To install it: brew install ffmpeg");
  assert.match(howToInstall("linux", ""), /by the name ffmpeg$/);
});

Deno.test("ffmpeg: track and send alone may run programs", () => {
  for (const name of ["flow", "track", "send"] as const) {
    const flags = config.tasks[name].command.match(/--allow-run\S*|-A\b/g) ?? [];
    assert.deepEqual(flags, name === "flow" ? [] : ["--allow-run"], name);
  }
});
