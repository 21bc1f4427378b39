import { lockWorkspace } from "../src/index.ts";

/* Holds a workspace's lock until it is killed or its stdin ends. Prints "held", or the code of the error. */
try {
  await using _lock = await lockWorkspace(process.argv[2] as string);
  console.log("held");
  for await (const _ of process.stdin);
} catch (error) {
  console.log((error as { code: string }).code);
}
