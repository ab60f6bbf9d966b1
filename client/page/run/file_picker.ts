import { make } from "../ui/elements.ts";

/** What is to be chosen from the user's files. */
export type FileKind = "video" | "images" | "folder" | "recording";

const INPUTS: Record<FileKind, Partial<HTMLInputElement>> = {
  video: { accept: "video/*" },
  images: { accept: "image/*", multiple: true },
  folder: { webkitdirectory: true },
  recording: { accept: ".ndjson,video/*", multiple: true },
};

/**
 * Has the user choose files; null where they choose none. Call it in answer to a
 * click. The input is in the page while it is open, for whoever fills it by script.
 */
export function pickFiles(kind: FileKind): Promise<File[] | null> {
  const input = make("input", { type: "file", id: "file-input", hidden: true, ...INPUTS[kind] });
  document.getElementById("file-input")?.remove(); // of a dialog that never told its end
  document.body.append(input);
  const chosen = new Promise<File[] | null>((done) => {
    input.addEventListener("change", () => done([...input.files!]));
    input.addEventListener("cancel", () => done(null));
  });
  input.click();
  return chosen.finally(() => input.remove());
}

/** What these files are to be played as; null where it cannot be told. */
export function kindOf(files: File[]): FileKind | null {
  if (files.some(({ name }) => name.endsWith(".ndjson"))) return "recording";
  if (files.some(isVideo)) return "video";
  return files.some(({ type }) => type.startsWith("image/")) ? "images" : null;
}

export function isVideo({ type }: File): boolean {
  return type.startsWith("video/");
}
