/** A video that plays this stream. */
export async function playStream(stream: MediaStream): Promise<HTMLVideoElement> {
  const video = Object.assign(document.createElement("video"), {
    muted: true,
    playsInline: true, // else an iPhone shows it full screen
    srcObject: stream,
  });
  await video.play();
  return video;
}

/** Ends all its tracks: the camera's light goes out. */
export function stopStream(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}
