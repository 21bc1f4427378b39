import { Writable } from "node:stream";

/**
 * Takes stdout for the protocol alone: from here on, whatever else in this process writes to `process.stdout`
 * (`console.log`, a dependency) comes out on stderr. It is `write` itself that is replaced, since a dependency may have
 * kept `process.stdout` from before.
 *
 * @returns The only way left to the real stdout.
 */
export function guardStdout(): Writable {
  const { stdout, stderr } = process;
  const write = stdout.write.bind(stdout);
  stdout.write = stderr.write.bind(stderr);
  // A host that is gone shows as an error of the write below; without a listener the same error would end the process.
  stdout.on("error", () => {});
  return new Writable({
    decodeStrings: false,
    write: (chunk, encoding, done) => void write(chunk, encoding, done),
  });
}
