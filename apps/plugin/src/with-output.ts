/**
 * Runs a command that prints. If its output can't be written, the command still runs to its end, since it may be changing files.
 *
 * @returns The command's exit code, or 1 if output was lost for another reason than that its reader, such as `head`, closed the pipe.
 */
export async function withOutput(command: () => Promise<number>): Promise<number> {
  let failure: NodeJS.ErrnoException | undefined;
  process.stdout.on("error", (error) => {
    failure ??= error;
  });
  process.stderr.on("error", () => {});
  const exitCode = await command();
  // The error of the last write arrives after it.
  await new Promise<unknown>((resolve) => process.stdout.write("", resolve));
  if (failure === undefined || failure.code === "EPIPE") return exitCode;
  process.stderr.write(`plexum-openai-provider: the output could not be written (${failure.message})\n`);
  return exitCode || 1;
}
