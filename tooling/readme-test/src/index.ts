export { Block } from "./block.ts";
export { installedNames, installsPackage } from "./install-line.ts";
export { namesWhatIsThere } from "./repository-commands.ts";
export { notRun, testReadme } from "./test-readme.ts";
