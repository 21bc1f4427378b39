export { CodedError, codeOf, isCodedError, messageOf } from "./coded-error.ts";
