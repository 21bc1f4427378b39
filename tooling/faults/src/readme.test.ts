import { join } from "node:path";
import { namesWhatIsThere, testReadme } from "@plexum/readme-test";

testReadme(join(import.meta.dirname, "../README.md"), { "faults.sh": namesWhatIsThere });
