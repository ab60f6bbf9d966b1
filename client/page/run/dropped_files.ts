/** The files that were dropped, those in dropped folders included. */
export async function droppedFiles(transfer: DataTransfer): Promise<File[]> {
  // All are asked for at once: after the event they are gone.
  const dropped = [...transfer.items].map((item) => ({
    entry: item.webkitGetAsEntry(),
    file: item.getAsFile(), // of what has no entry, as a file that a page drags
  }));
  const files = await Promise.all(
    dropped.map(({ entry, file }) => entry ? filesIn(entry) : file ? [file] : []),
  );
  return files.flat();
}

async function filesIn(entry: FileSystemEntry): Promise<File[]> {
  if (!entry.isDirectory) {
    return [await new Promise((done, fail) => (entry as FileSystemFileEntry).file(done, fail))];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const files: File[] = [];
  for (;;) { // a reader hands out some entries at a time, and at the end none
    const some = await new Promise<FileSystemEntry[]>((done, fail) =>
      reader.readEntries(done, fail)
    );
    if (some.length === 0) return files;
    files.push(...(await Promise.all(some.map(filesIn))).flat());
  }
}
