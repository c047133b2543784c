/* low_word.c: the words a launch is told, launches behind the first, and those that two nests share.
 *
 * Under join=1 the first blocks work for the nest itself, the others for the next one, which does the same with other
 * tensors and extents: only the words differ, and each block picks its own.
 */
#include "low.h"

uint16_t low_twin(const Low *w, uint16_t tensor)
{
    uint16_t t = w->tir->twin[tensor];
    return t == UINT16_MAX ? tensor : t;
}

static LirWord twin_word(const Low *w, LirWord word)
{
    if (word.kind == LIR_W_PTR || word.kind == LIR_W_STRIDE)
        word.a = low_twin(w, word.a);
    if (word.kind == LIR_W_INST || word.kind == LIR_W_PAREXT || word.kind == LIR_W_PARDIV || word.kind == LIR_W_ROWLEN)
        word.nest = 1;
    return word;
}

LirVal low_word(Low *w, DType dt, LirWord word)
{
    LirVal own = lir_word(w->fn, dt, word);
    if (!w->other)
        return own;
    LirWord twin = twin_word(w, word);
    bool same = twin.a == word.a && twin.nest == word.nest;
    return same ? own : lir_op3(w->fn, LIR_SELECT, w->other, lir_word(w->fn, dt, twin), own);
}

LirVal low_word32(Low *w, LirWordKind k, uint16_t a) { return low_word(w, DT_I32, (LirWord){(uint8_t)k, a, 0}); }

LirVal low_rowlen(Low *w) { return w->s->len == LEN_EXACT ? low_ci(w, w->s->n) : low_word32(w, LIR_W_ROWLEN, 0); }

LirVal low_sreg(Low *w, LirOpcode op) { return lir_add(w->fn, (LirOp){.op = (uint8_t)op, .dt = DT_I32, .lanes = 1, .ref = -1}); }

LirFn *low_launch_after(const Low *first, const char *symbol, int threads)
{
    LirFn *fn = lir_new(first->a, symbol);
    fn->precise = first->fn->precise;
    fn->pdl = first->fn->pdl ? LIR_PDL_AFTER : LIR_PDL_NONE;
    fn->warp = first->fn->warp;
    fn->cluster = 1;
    fn->threads = first->host ? 1 : (uint32_t)threads;
    return fn;
}

void low_share(Low *w)
{
    if (!w->s->join)
        return;
    LirVal own = lir_word(w->fn, DT_I32, (LirWord){LIR_W_OWN, 0, 0, 0});
    w->other = lir_op2(w->fn, LIR_GE, w->block, own);
    w->block = lir_op2(w->fn, LIR_SUB, w->block, lir_op3(w->fn, LIR_SELECT, w->other, own, low_ci(w, 0)));
}
