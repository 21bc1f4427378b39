/** Run before each test file: a test must not depend on the shell or the CI system that it was started from. */
import { neutralEnvironment } from "./neutral-environment.ts";

/** Names the folder of the codex on which the version matrix runs the tests. */
const UNDER_TEST = "CODEX_UNDER_TEST";

const neutral = neutralEnvironment(process.env);
for (const name of Object.keys(process.env)) if (!(name in neutral) && name !== UNDER_TEST) delete process.env[name];
