export { ModelRequest } from "./model-request.ts";
export {
  answer,
  codeModeScript,
  customCall,
  functionCall,
  httpError,
  message,
  type OutputItem,
  type Reply,
  reasoning,
  say,
  shell,
  type TokenUsage,
} from "./replies.ts";
export { type Script, ScriptedModel } from "./server.ts";
