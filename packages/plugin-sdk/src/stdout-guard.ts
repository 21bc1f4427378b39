import { Writable } from "node:stream";

/**
 * Reserves stdout for the protocol: from now on, anything else in this process that writes to `process.stdout`
 * (`console.log`, a dependency) writes to stderr. Replaces `write` itself, since a dependency may already hold
 * `process.stdout`.
 *
 * @returns The only remaining way to write to the real stdout.
 */
export function guardStdout(): Writable {
  const { stdout, stderr } = process;
  const write = stdout.write.bind(stdout);
  stdout.write = stderr.write.bind(stderr);
  // If the host is gone, the write below fails; without a listener the same error would end the process.
  stdout.on("error", () => {});
  return new Writable({
    decodeStrings: false,
    write: (chunk, encoding, done) => void write(chunk, encoding, done),
  });
}
