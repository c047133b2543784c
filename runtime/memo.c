/* memo.c: calls seen lately, so that one that comes again is neither bound nor chosen again.
 *
 * A memo is a run of words: the facts on which binding and choice rest (shapes, strides, types, options, device, the low bits of addresses, what
 * lies in place), then where each tensor's memory lay, then the launches with every word filled in but addresses and scalars.  Equal facts make the same
 * launches, as long as no tensor overlaps another that it did not overlap in the same way before.  Whatever a memo cannot say is a miss: the
 * call is then bound and chosen as ever, and every error comes from there.
 *
 * A kernel's memos are there from when its code is first loaded.  Any thread reads and writes them: `turn` is odd while one writes, and a reader who finds
 * it changed has found nothing (a sequence lock; words are atomic, and acquired and released one by one since a fence of its own is beyond the thread sanitizer).
 */
#include "lgr_int.h"

#include <string.h>

enum { MEMOS = 8, FACTS = 96 };

typedef struct Memo { _Atomic uint32_t turn; _Atomic uint32_t facts, n; _Atomic uint64_t w[LGR_MEMO_WORDS]; } Memo;

struct Memos { struct Memos *next; _Atomic uint32_t oldest; Memo memo[MEMOS]; };

typedef struct Facts { uint32_t n; uint64_t w[FACTS]; } Facts;

static const LgkTensor *tensors(const lgr_kernel *k) { return &k->pack->t_TENSORS[k->k->tensors.first]; }

/* ---- facts ---- */

/* One word of what is small, then extents and strides. False: no memo can tell. */
static bool tensor_facts(const DLTensor *x, uint64_t base, bool in_place, Facts *f)
{
    uint32_t type = (uint32_t)x->device.device_type, id = (uint32_t)x->device.device_id, rank = (uint32_t)x->ndim;
    if (rank > 8 || f->n + 1 + 2 * rank > FACTS || type > 15 || id > 511 || !base || (rank && !x->shape))
        return false;
    uint64_t *w = &f->w[f->n];
    *w++ = (uint64_t)x->dtype.code | (uint64_t)x->dtype.bits << 8 | (uint64_t)x->dtype.lanes << 16 | (uint64_t)(base % LGK_MAX_ALIGN) << 32 |
           (uint64_t)rank << 40 | (uint64_t)type << 44 | (uint64_t)id << 48 | (uint64_t)in_place << 57 | (uint64_t)(x->strides != NULL) << 58 | 1ull << 59;
    for (uint32_t d = 0; d < rank; d++)
        *w++ = (uint64_t)x->shape[d];
    for (uint32_t d = 0; x->strides && d < rank; d++)
        *w++ = (uint64_t)x->strides[d];
    f->n = (uint32_t)(w - f->w);
    return true;
}

static bool option_facts(const lgr_call *call, Facts *f)
{
    uint64_t *w = &f->w[f->n];
    f->n += (call->noptions + 7) / 8;
    for (uint32_t i = 0; call->options && i < call->noptions; i++) {
        if ((uint32_t)call->options[i] >= LGK_OPEN)
            return false;
        w[i / 8] = (i % 8 ? w[i / 8] : 0) | (uint64_t)call->options[i] << i % 8 * 8;
    }
    for (uint32_t i = 0; !call->options && i < call->noptions; i += 8)
        w[i / 8] = UINT64_MAX;
    return true;
}

/* Of a well-formed call; base gets the addresses. */
static bool facts_of(const lgr_call *call, Facts *f, uint64_t *base)
{
    const LgkTensor *t = tensors(call->kernel);
    f->n = 0;
    if (call->variant || !option_facts(call, f))
        return false;
    for (uint32_t i = 0; i < call->ntensors; i++)
        base[i] = call->tensors[i] ? (uint64_t)(uintptr_t)call->tensors[i]->data + call->tensors[i]->byte_offset : 0;
    for (uint32_t i = 0; i < call->ntensors; i++)
        if (!call->tensors[i] && f->n < FACTS)
            f->w[f->n++] = 0;
        else if (!call->tensors[i] || !tensor_facts(call->tensors[i], base[i], t[i].over >= 0 && base[i] == base[t[i].over], f))
            return false;
    return true;
}

/* ---- reading ---- */

static uint64_t word(const Memo *m, uint32_t i) { return atomic_load_explicit(&m->w[i], memory_order_acquire); }

static bool has_facts(const Memo *m, const Facts *f)
{
    if (atomic_load_explicit(&m->facts, memory_order_acquire) != f->n)
        return false;
    for (uint32_t i = 0; i < f->n; i++)
        if (word(m, i) != f->w[i])
            return false;
    return true;
}

static bool read_memo(const Memo *m, const Facts *f, uint64_t *out)
{
    uint32_t turn = atomic_load_explicit(&m->turn, memory_order_acquire);
    if (turn % 2 || !has_facts(m, f))
        return false;
    uint32_t n = atomic_load_explicit(&m->n, memory_order_acquire);
    for (uint32_t i = 0; i < n && f->n + i < LGR_MEMO_WORDS; i++)
        out[i] = word(m, f->n + i);
    return atomic_load_explicit(&m->turn, memory_order_relaxed) == turn;
}

/* Outputs lie apart from all else, or to it as they did. */
static bool still_apart(const lgr_call *call, const LgrRecall *r)
{
    const LgkTensor *t = tensors(call->kernel);
    uint64_t lo[LGK_MAX_TENSORS], hi[LGK_MAX_TENSORS];
    for (uint32_t i = 0; i < call->ntensors; i++) {
        lo[i] = r->base[i] + r->w[LGR_R_PLACES + 3 * i + 1];
        hi[i] = r->base[i] + r->w[LGR_R_PLACES + 3 * i + 2];
        if (call->tensors[i] && lo[i] >= hi[i])
            return false;
    }
    for (uint32_t i = 0; i < call->ntensors; i++)
        for (uint32_t j = 0; t[i].mode != LGK_IN && call->tensors[i] && j < call->ntensors; j++)
            if (j != i && lo[j] < hi[i] && lo[i] < hi[j] && call->tensors[j] &&
                r->base[i] - r->base[j] != r->w[LGR_R_PLACES + 3 * i] - r->w[LGR_R_PLACES + 3 * j])
                return false;
    return true;
}

bool lgr__recall(const lgr_call *call, LgrRecall *r)
{
    const struct Memos *all = atomic_load_explicit(&call->kernel->memos, memory_order_acquire);
    Facts f;
    if (!all || !facts_of(call, &f, r->base))
        return false;
    for (int i = 0; i < MEMOS; i++)
        if (read_memo(&all->memo[i], &f, r->w))
            return still_apart(call, r);
    return false;
}

/* ---- writing ---- */

lgr_status lgr__memos_make(lgr_context *ctx, const lgr_kernel *k)
{
    if (atomic_load(&k->memos))
        return LGR_OK;
    struct Memos *m = lgr__alloc(ctx, sizeof *m);
    if (!m)
        return lgr__fail(LGR_ERROR_MEMORY, k, NULL, "memory ran out", "%s", "");
    m->next = ctx->memos;
    ctx->memos = m;
    atomic_store_explicit(&((lgr_kernel *)k)->memos, m, memory_order_release);
    return LGR_OK;
}

void lgr__memos_free(lgr_context *ctx)
{
    for (struct Memos *m = ctx->memos, *next; m; m = next) {
        next = m->next;
        lgr__release(ctx, m);
    }
}

static void put_place(const View *v, uint64_t *w)
{
    uint64_t lo = 0, hi = 0;
    if (v->present)
        lgr__span(v, &lo, &hi);
    w[0] = v->present ? v->base : 0;
    w[1] = lo - w[0];
    w[2] = hi - w[0];
}

/* The words of every launch of the call. 0: too many. */
static uint32_t put_steps(const Bound *b, uint64_t *w, uint32_t at)
{
    for (uint32_t p = 0; p < b->nparts; p++)
        for (uint32_t i = 0; b->part[p].instances && !b->part[p].led && i < b->part[p].variant->launches.count; i++) {
            LgrStep s;
            if (!lgr__step(b, &b->part[p], i, &s))
                continue;
            if (at + LGR_STEP_WORDS + s.launch->words.count > LGR_MEMO_WORDS)
                return 0;
            memcpy(w + at, &s, sizeof s);
            lgr__fill_words(b, &b->part[p], s.launch, w + at + LGR_STEP_WORDS);
            at += LGR_STEP_WORDS + s.launch->words.count;
        }
    return at;
}

static uint32_t put_call(const lgr_call *call, const Bound *b, uint64_t *w)
{
    uint32_t at = LGR_R_PLACES + 3 * call->ntensors;
    w[LGR_R_WORKSPACE] = b->workspace;
    w[LGR_R_KERNEL] = (uint64_t)(uintptr_t)b->kernel;
    w[LGR_R_DEVICE] = (uint64_t)b->device;
    for (uint32_t i = 0; i < call->ntensors; i++)
        put_place(&b->view[i], &w[LGR_R_PLACES + 3 * i]);
    w[LGR_R_END] = put_steps(b, w, at);
    return (uint32_t)w[LGR_R_END];
}

static Memo *place_for(struct Memos *all, const Facts *f)
{
    for (int i = 0; i < MEMOS; i++)
        if (has_facts(&all->memo[i], f))
            return &all->memo[i];
    return &all->memo[atomic_fetch_add_explicit(&all->oldest, 1, memory_order_relaxed) % MEMOS];
}

static void write_memo(Memo *m, const Facts *f, const uint64_t *w, uint32_t n)
{
    uint32_t turn = atomic_load_explicit(&m->turn, memory_order_relaxed);
    if (turn % 2 || !atomic_compare_exchange_strong(&m->turn, &turn, turn + 1))       /* another thread writes: its call is as good */
        return;
    atomic_store_explicit(&m->facts, f->n, memory_order_release);
    atomic_store_explicit(&m->n, n, memory_order_release);
    for (uint32_t i = 0; i < f->n; i++)
        atomic_store_explicit(&m->w[i], f->w[i], memory_order_release);
    for (uint32_t i = 0; i < n; i++)
        atomic_store_explicit(&m->w[f->n + i], w[i], memory_order_release);
    atomic_store_explicit(&m->turn, turn + 2, memory_order_release);
}

void lgr__remember(const lgr_call *call, const Bound *b)
{
    struct Memos *all = atomic_load_explicit(&call->kernel->memos, memory_order_acquire);
    uint64_t w[LGR_MEMO_WORDS], base[LGK_MAX_TENSORS];
    Facts f;
    uint32_t n = all && facts_of(call, &f, base) ? put_call(call, b, w) : 0;
    if (n && f.n + n <= LGR_MEMO_WORDS)
        write_memo(place_for(all, &f), &f, w, n);
}
