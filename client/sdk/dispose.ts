/**
 * Older browsers know no `Symbol.dispose`, by which `using` closes things: they get one, the symbol
 * that compilers of `using` look for there. It has to be there before the first class is.
 */
if (!Symbol.dispose) {
  Object.defineProperty(Symbol, "dispose", { value: Symbol.for("Symbol.dispose") });
}
