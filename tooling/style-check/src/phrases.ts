/** A phrase that was replaced, as the source of a regular expression for whole words, and what to write instead. */
export interface Phrase {
  readonly pattern: string;
  readonly instead: string;
}

export const PHRASES: readonly Phrase[] = [
  { pattern: "anew", instead: "again, or restart, rewrite" },
  { pattern: "lets? go of|letting go of", instead: "release" },
  { pattern: "mend(s|ed|ing)?", instead: "repair" },
  { pattern: "tak(e|es|en|ing) out|took out", instead: "remove" },
  { pattern: "all is well", instead: "check" },
  { pattern: "of its own accord", instead: "by itself" },
  { pattern: "for ever", instead: "forever" },
  { pattern: "sees? to it|seen to it", instead: "ensures" },
  { pattern: "(any|every|some)body", instead: "anyone, everyone, someone, the user, another process" },
  { pattern: "without a word|in silence", instead: "silently, without output" },
  { pattern: "fresh (thread|session)", instead: "new" },
  { pattern: "(is|are|was|were|be|being) told", instead: "is reported, logged, passed to, emitted" },
  { pattern: "told apart", instead: "distinguished" },
  { pattern: "can('t|not) tell", instead: "can't determine" },
  { pattern: "as it stands", instead: "unchanged, verbatim" },
  { pattern: "what (stands|stood) (there|in)", instead: "what is there, the content" },
  { pattern: "(stands|stood|stand) by", instead: "waits" },
  { pattern: "shall", instead: "should, must, will" },
  { pattern: "behaviours?", instead: "behavior" },
  { pattern: "colours?", instead: "color" },
  { pattern: "(goes|going|went|gone) on|go on from", instead: "continues" },
  { pattern: "(gives?|giving|gave|given) back", instead: "returns, restores" },
  { pattern: "(brings?|bringing|brought) back", instead: "restores, unpacks" },
  { pattern: "(steps?|stepping|stepped) over", instead: "skips" },
  { pattern: "(stands?|standing|stood) (behind|before|elsewhere)", instead: "is after, precedes, is elsewhere" },
  { pattern: "meanwhile", instead: "in the meantime, while" },
  { pattern: "stands? (in|at|beside)", instead: "is in, is at, is next to" },
  { pattern: "summed up", instead: "summarized" },
  { pattern: "looked for", instead: "searched for" },
  { pattern: "whole or not at all", instead: "complete or absent, all or none" },
  { pattern: "dependants?", instead: "dependent" },
  { pattern: "(recogn|serial|initial|organ|normal|sanit)is(e|es|ed|ing)", instead: "the spelling with -ize" },
  { pattern: "(hono|favo|neighbo)ur\\w*", instead: "the spelling with -or" },
  { pattern: "licence", instead: "license" },
  {
    pattern: "whilst|amongst|thereby|thereof|whence|lest",
    instead: "while, among, so, of it, from where, so that … not",
  },
];
