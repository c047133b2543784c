/* pack.c: see pack.h. Tables grow in the arena; pack_finish() lays them out, then the code, then fills in the digests. */
#include "pack.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <string.h>

_Static_assert((int)LGK_C_NEARER == (int)LOW_C_NEARER && (int)LGK_C_ALIGNED == (int)LOW_C_ALIGNED && (int)LGK_C_UNIT == (int)LOW_C_UNIT, "condition kinds");
_Static_assert((int)LGK_MAX_LAUNCHES == (int)LOW_MAX_LAUNCHES, "launches of a variant");
_Static_assert((int)LGK_G_GROUPS_COLUMNS == (int)LOW_G_GROUPS_COLUMNS && (int)LGK_G_FIXED == (int)LOW_G_FIXED && (int)LGK_BY_PLACES == (int)LOW_BY_PLACES, "grid kinds");
_Static_assert((int)LGK_W_BLOCKS == (int)LIR_W_BLOCKS && (int)LGK_W_WORK == (int)LIR_W_WORK && (int)LGK_W_PARDIV == (int)LIR_W_PARDIV, "word kinds");
_Static_assert((int)LGK_PDL_NONE == (int)LIR_PDL_NONE && (int)LGK_PDL_AFTER == (int)LIR_PDL_AFTER && (int)LGK_PDL_BESIDE == (int)LIR_PDL_BESIDE && (int)LGK_PDL_LATE == (int)LIR_PDL_LATE, "starts");
_Static_assert((int)LGK_BOOL == (int)DT_BOOL && (int)LGK_BF16 == (int)DT_BF16 && (int)LGK_F64 == (int)DT_F64, "element types");
_Static_assert((int)LGK_MAX_TYPES >= (int)SEMA_MAX_TYPES && (int)LGK_MAX_OPTIONS >= (int)SEMA_MAX_OPTIONS && (int)LGK_MAX_TENSORS >= (int)SEMA_MAX_TENSORS &&
               (int)LGK_MAX_SCALARS >= (int)SEMA_MAX_PARAMS, "limits");
_Static_assert((int)LGK_MAX_DIMS == (int)TIR_MAX_DIMS && (int)LGK_MAX_RANK == (int)TIR_MAX_RANK, "limits");

typedef struct Piece { const void *p; size_t n; } Piece;
typedef struct Run { uint32_t table, first, count; } Run;       /* count 0: none */

struct PackWriter {
    Arena *a;
#define X(e, type) type *t_##e; uint32_t n_##e, cap_##e;
    LGK_TABLES(X)
#undef X
    Piece *code; uint32_t ncode, capcode;
    uint32_t *slots, nslots;       /* of STRINGS by hash, offset + 1; at most half full */
    uint32_t nstrings;
    Run *runs; uint32_t nruns, capruns;   /* of EXTENTS, CONDS and WORDS, by hash; at most half full */
    uint32_t named_options;        /* of the current kernel */
    const TirFn *nest;             /* of the current set */
    uint32_t open[SEMA_MAX_OPTIONS], nopen;   /* of the current instance: the pack's numbers of options that are scalars of the function */
};

#define PUSH(w, T) ARENA_PUSH((w)->a, (w)->t_##T, (w)->n_##T, (w)->cap_##T)
#define LAST(w, T) (&(w)->t_##T[(w)->n_##T - 1])

/* Where s is, or would go. */
static uint32_t *slot_of(PackWriter *w, const char *s)
{
    uint32_t i = (uint32_t)XXH3_64bits(s, strlen(s)) & (w->nslots - 1);
    while (w->slots[i] && strcmp(w->t_STRINGS + w->slots[i] - 1, s))
        i = (i + 1) & (w->nslots - 1);
    return &w->slots[i];
}

static void grow_slots(PackWriter *w)
{
    w->nslots = w->nslots ? w->nslots * 2 : 256;
    w->slots = ARENA_ARRAY(w->a, uint32_t, w->nslots);
    for (uint32_t at = 0; at < w->n_STRINGS; at += (uint32_t)strlen(w->t_STRINGS + at) + 1)
        *slot_of(w, w->t_STRINGS + at) = at + 1;
}

static LgkStr put_str(PackWriter *w, const char *s)
{
    size_t n = strlen(s = s ? s : "") + 1;
    if (w->nstrings * 2 >= w->nslots)
        grow_slots(w);
    uint32_t *slot = slot_of(w, s);
    if (*slot)
        return *slot - 1;
    LgkStr at = w->n_STRINGS;
    *slot = at + 1;
    w->nstrings++;
    for (size_t i = 0; i < n; i++)
        *PUSH(w, STRINGS) = s[i];
    return at;
}

/* ---- runs: equal ones are there once, whichever variants they belong to ---- */

static const void *run_bytes(const PackWriter *w, const Run *r, size_t *n)
{
    switch (r->table) {
    case LGK_T_EXTENTS: *n = r->count * sizeof *w->t_EXTENTS; return w->t_EXTENTS + r->first;
    case LGK_T_CONDS:   *n = r->count * sizeof *w->t_CONDS; return w->t_CONDS + r->first;
    default:            *n = r->count * sizeof *w->t_WORDS; return w->t_WORDS + r->first;
    }
}

/* Where an equal run is, or would go. */
static Run *run_slot(PackWriter *w, const Run *r)
{
    size_t n, m;
    const void *bytes = run_bytes(w, r, &n);
    uint32_t i = (uint32_t)XXH3_64bits_withSeed(bytes, n, r->table) & (w->capruns - 1);
    for (; w->runs[i].count; i = (i + 1) & (w->capruns - 1)) {
        const void *other = run_bytes(w, &w->runs[i], &m);
        if (w->runs[i].table == r->table && m == n && !memcmp(bytes, other, n))
            break;
    }
    return &w->runs[i];
}

static void grow_runs(PackWriter *w)
{
    Run *old = w->runs;
    uint32_t n = w->capruns;
    w->capruns = n ? n * 2 : 256;
    w->runs = ARENA_ARRAY(w->a, Run, w->capruns);
    for (uint32_t i = 0; i < n; i++)
        if (old[i].count)
            *run_slot(w, &old[i]) = old[i];
}

/* The run of a table's records from `first` on, the last of the table; they go where an equal one is there. */
static LgkRange fold(PackWriter *w, uint32_t table, uint32_t first, uint32_t *end)
{
    Run r = {table, first, *end - first};
    if (!r.count)
        return (LgkRange){first, 0};
    if (w->nruns * 2 >= w->capruns)
        grow_runs(w);
    Run *at = run_slot(w, &r);
    if (at->count) {
        *end = first;
    } else {
        *at = r;
        w->nruns++;
    }
    return (LgkRange){at->first, at->count};
}

#define FOLD(w, T, first) fold(w, LGK_T_##T, first, &(w)->n_##T)

static void push_extent(PackWriter *w, TirExt e)
{
    LgkExtent *x = PUSH(w, EXTENTS);
    x->c = e.c;
    x->den = e.den;
    memcpy(x->k, e.k, sizeof x->k);
}

static LgkRange put_extents(PackWriter *w, const TirExt *e, uint32_t n)
{
    uint32_t first = w->n_EXTENTS;
    for (uint32_t i = 0; i < n; i++)
        push_extent(w, e[i]);
    return FOLD(w, EXTENTS, first);
}

PackWriter *pack_new(Arena *a)
{
    PackWriter *w = ARENA_NEW(a, PackWriter);
    w->a = a;
    put_str(w, "");
    return w;
}

/* ---- kernels ---- */

/* The pack's number of the op's i-th type or option: those that the kernel names, counted. */
static int named(uint32_t set, uint32_t i)
{
    return set >> i & 1 ? __builtin_popcount(set & ((1u << i) - 1)) : -1;
}

static void put_types(PackWriter *w, const SemaOp *op, const SemaKernel *k, LgkKernel *out)
{
    out->types.first = w->n_TYPES;
    for (uint32_t i = 0; i < op->ntypes; i++) {
        if (named(k->types, i) < 0)
            continue;
        LgkType t = {put_str(w, op->types[i].name), {w->n_CHOICES, op->types[i].n}};
        *PUSH(w, TYPES) = t;
        for (uint32_t c = 0; c < op->types[i].n; c++)
            *PUSH(w, CHOICES) = (LgkName){put_str(w, dt_name(op->types[i].choice[c])), op->types[i].choice[c]};
    }
    out->types.count = w->n_TYPES - out->types.first;
}

static void put_options(PackWriter *w, const SemaOp *op, const SemaKernel *k, LgkKernel *out)
{
    out->options.first = w->n_OPTIONS;
    for (uint32_t i = 0; i < op->noptions; i++) {
        if (named(k->options, i) < 0)
            continue;
        LgkOption o = {put_str(w, op->options[i].name), {w->n_CHOICES, op->options[i].n}, op->options[i].defval};
        *PUSH(w, OPTIONS) = o;
        for (uint32_t c = 0; c < op->options[i].n; c++)
            *PUSH(w, CHOICES) = (LgkName){put_str(w, op->options[i].choice[c]), 0};
    }
    out->options.count = w->n_OPTIONS - out->options.first;
}

static void put_tensors(PackWriter *w, const SemaKernel *k, const TirFn *fn, LgkKernel *out)
{
    out->tensors = (LgkRange){w->n_TENSORS, 0};
    for (uint32_t i = 0; i < k->ntensors; i++) {
        const SemaTensor *s = &k->tensors[i];
        const TirTensor *t = &fn->tensors[i];
        LgkTensor x = {.name = put_str(w, s->name), .rank = s->rank, .mode = s->mode, .dtype = s->type < 0 ? s->dt : 0,
                       .type = s->type < 0 ? -1 : named(k->types, (uint32_t)s->type), .over = (int32_t)s->over - 1,
                       .accumulate = t->accumulate, .optional = s->cond != NULL, .extents = put_extents(w, s->shape, s->rank).first};
        *PUSH(w, TENSORS) = x;
        if (s->mode == TIR_SCRATCH)
            out->scratch++;
        else
            out->tensors.count++;
    }
}

static void put_scalar(PackWriter *w, const SemaParam *p)
{
    const SemaRange *r = &p->range;
    LgkScalar s = {.name = put_str(w, p->name), .dtype = p->dt, .has_default = p->has_default, .def = p->defval};
    if (r->given) {
        s.range = LGK_RANGE_GIVEN | (r->lo_open ? LGK_RANGE_LO_OPEN : 0) | (r->hi_open ? LGK_RANGE_HI_OPEN : 0);
        s.lo = r->lo;
        s.hi = r->hi;
    }
    *PUSH(w, SCALARS) = s;
}

void pack_kernel(PackWriter *w, const SemaOp *op, uint32_t kernel, const TirFn *fn, const char *source)
{
    const SemaKernel *k = &op->kernels[kernel];
    LgkKernel out = {.op = put_str(w, op->name), .name = put_str(w, k->name), .doc = put_str(w, k->doc ? k->doc : op->doc), .source = put_str(w, source)};
    out.dims = (LgkRange){w->n_NAMES, fn->ndims};
    for (uint32_t i = 0; i < fn->ndims; i++)
        *PUSH(w, NAMES) = (LgkName){put_str(w, fn->dims[i].name), 0};
    put_types(w, op, k, &out);
    put_options(w, op, k, &out);
    put_tensors(w, k, fn, &out);
    out.scalars = (LgkRange){w->n_SCALARS, k->nparams};
    for (uint32_t i = 0; i < k->nparams; i++)
        put_scalar(w, &k->params[i]);
    out.instances.first = w->n_INSTANCES;
    *PUSH(w, KERNELS) = out;
    w->named_options = k->options;
}

void pack_instance(PackWriter *w, const SemaBinding *b, const TirFn *fn)
{
    LgkKernel *k = LAST(w, KERNELS);
    LgkInstance n = {.sets.first = w->n_SETS};
    for (uint32_t i = 0; i < k->tensors.count + k->scratch; i++) {
        const LgkTensor *t = &w->t_TENSORS[k->tensors.first + i];
        if (fn->tensors[i].absent)
            continue;
        n.present |= 1ull << i;
        if (t->type >= 0)
            n.dtype[t->type] = fn->tensors[i].dt;
        if (fn->tensors[i].accumulate)
            w->t_TENSORS[k->tensors.first + i].accumulate = 1;
    }
    w->nopen = 0;
    for (uint32_t i = 0; i < SEMA_MAX_OPTIONS; i++) {
        int at = named(w->named_options, i);
        if (at < 0)
            continue;
        n.option[at] = b->option[i] == SEMA_OPEN ? LGK_OPEN : b->option[i];
        if (b->option[i] == SEMA_OPEN)
            w->open[w->nopen++] = (uint32_t)at;
    }
    *PUSH(w, INSTANCES) = n;
    LAST(w, KERNELS)->instances.count++;
}

void pack_target(PackWriter *w, const Target *t, LgkCodeKind kind, uint32_t nest, const TirFn *fn)
{
    fn = tir_nest(fn, nest, w->a);
    LgkSet s = {.target = put_str(w, t->name), .kind = kind, .sm = t->kind == TGT_GPU ? (uint32_t)t->sm : 0,
                .arch_specific = t->kind == TGT_GPU && t->name[strlen(t->name) - 1] == 'a', .nest = nest, .variants.first = w->n_VARIANTS};
    if (tir_is_copy(fn, &s.out, &s.in))
        s.idle |= LGK_IDLE_IN_PLACE;
    *PUSH(w, SETS) = s;
    w->nest = fn;
    LgkInstance *n = LAST(w, INSTANCES);
    n->sets.count++;
    n->nests = nest >= n->nests ? nest + 1 : n->nests;
}

/* Of the bytes and the zeros up to the next multiple of 16. */
static XXH128_hash_t digest_padded(const void *bytes, size_t size)
{
    static const char zeros[16];
    XXH3_state_t st;
    XXH3_128bits_reset(&st);
    XXH3_128bits_update(&st, bytes, size);
    XXH3_128bits_update(&st, zeros, (16 - size % 16) % 16);
    return XXH3_128bits_digest(&st);
}

uint32_t pack_code(PackWriter *w, LgkCodeKind kind, const void *bytes, size_t size)
{
    if (kind == LGK_CODE_PTX && size && ((const char *)bytes)[size - 1]) {     /* the driver wants its NUL */
        bytes = arena_strn(w->a, bytes, size);
        size++;
    }
    XXH128_hash_t d = digest_padded(bytes, size);
    for (uint32_t i = 0; i < w->ncode; i++)
        if (w->t_CODES[i].digest[0] == d.low64 && w->t_CODES[i].digest[1] == d.high64 && w->t_CODES[i].size == size)
            return i;
    *PUSH(w, CODES) = (LgkCode){0, size, {d.low64, d.high64}, kind, 0};
    void *copy = arena_alloc(w->a, size + 1);
    if (size)                                    /* a plan has no code */
        memcpy(copy, bytes, size);
    *ARENA_PUSH(w->a, w->code, w->ncode, w->capcode) = (Piece){copy, size};
    return w->n_CODES - 1;
}

/* Scalars behind the kernel's own are its open options. */
static LgkWord word_of(const PackWriter *w, const LirWord *l)
{
    uint32_t own = LAST(w, KERNELS)->scalars.count;
    if (l->kind == LIR_W_SCALAR && l->a >= own)
        return (LgkWord){LGK_W_OPTION, (uint16_t)w->open[l->a - own], 0, 0};
    return (LgkWord){l->kind, l->a, l->b, l->nest};
}

static LgkRange put_words(PackWriter *w, const LirFn *fn)
{
    uint32_t first = w->n_WORDS;
    for (uint32_t i = 0; i < fn->nwords; i++)
        *PUSH(w, WORDS) = word_of(w, &fn->words[i]);
    return FOLD(w, WORDS, first);
}

static LgkRange put_conds(PackWriter *w, const LowKernel *k)
{
    uint32_t first = w->n_CONDS;
    for (uint32_t i = 0; i < k->nconds; i++)
        *PUSH(w, CONDS) = (LgkCond){k->conds[i].kind, k->conds[i].a, k->conds[i].b, k->conds[i].nest, k->conds[i].value};
    return FOLD(w, CONDS, first);
}

static void put_launch(PackWriter *w, const LowLaunch *l, uint32_t entry)
{
    LgkLaunch x = {.symbol = put_str(w, l->fn->name), .entry = entry, .grid = l->grid, .per = l->per, .per2 = l->per2, .per3 = l->per3, .ctas = l->ctas, .multiple = l->multiple,
                   .work_bytes = l->work_bytes, .work_by = l->work_by,
                   .threads = l->fn->threads, .shared = l->fn->smem, .cluster = l->fn->cluster, .pdl = l->fn->pdl,
                   .words = put_words(w, l->fn)};
    *PUSH(w, LAUNCHES) = x;
}

void pack_variant(PackWriter *w, const Sched *s, const LowKernel *k, uint32_t code, const uint32_t *entry, int registers, int spills)
{
    Buf text = {0};
    sched_print(&text, s);
    buf_put(&text, "", 1);
    LgkVariant v = {.schedule = put_str(w, text.p), .symbol = put_str(w, k->launch[0].fn->name), .conds = put_conds(w, k),
                    .launches = {w->n_LAUNCHES, k->nlaunch}, .inst = put_extents(w, k->inst_ext, k->ninst), .code = code,
                    .row = put_extents(w, &k->row_ext, 1).first, .places = put_extents(w, &k->places, 1).first,
                    .covers = k->covers, .before = k->before, .registers = registers, .spills = spills};
    buf_free(&text);
    for (uint32_t i = 0; i < k->nlaunch; i++)
        put_launch(w, &k->launch[i], entry ? entry[i] : 0);
    *PUSH(w, VARIANTS) = v;
    LAST(w, SETS)->variants.count++;
    if (tir_writes_along(w->nest, k->row_ext))
        LAST(w, SETS)->idle |= LGK_IDLE_EMPTY_ROW;
}

/* ---- layout ---- */

static void pad_to(Buf *b, size_t at)
{
    static const char zeros[16];
    while (b->n < at && !b->failed)
        buf_put(b, zeros, at - b->n < 16 ? at - b->n : 16);
}

static size_t up(size_t v, size_t to) { return (v + to - 1) / to * to; }

void pack_finish(PackWriter *w, Buf *out)
{
    LgkHeader h = {.magic = LGK_MAGIC, .version = LGK_VERSION, .ntables = LGK_T_COUNT};
    size_t at = sizeof h;
#define X(e, type)                                                              \
    h.table[LGK_T_##e] = (LgkTable){at, w->n_##e, sizeof(type)};                \
    at = up(at + (size_t)w->n_##e * sizeof(type), 8);
    LGK_TABLES(X)
#undef X
    h.code_offset = up(at, 16);
    at = h.code_offset;
    for (uint32_t i = 0; i < w->ncode; i++) {
        w->t_CODES[i].offset = at;
        at = up(at + w->code[i].n, 16);
    }
    h.size = at;
    size_t start = out->n;
    buf_put(out, &h, sizeof h);
#define X(e, type)                                               \
    pad_to(out, start + h.table[LGK_T_##e].offset);              \
    buf_put(out, w->t_##e, (size_t)w->n_##e * sizeof(type));
    LGK_TABLES(X)
#undef X
    pad_to(out, start + h.code_offset);
    for (uint32_t i = 0; i < w->ncode; i++) {
        pad_to(out, start + w->t_CODES[i].offset);
        buf_put(out, w->code[i].p, w->code[i].n);
    }
    pad_to(out, start + h.size);
    if (out->failed)
        return;
    XXH128_hash_t d = XXH3_128bits(out->p + start, h.code_offset);
    LgkHeader *placed = (LgkHeader *)(out->p + start);
    placed->digest[0] = d.low64;
    placed->digest[1] = d.high64;
}
