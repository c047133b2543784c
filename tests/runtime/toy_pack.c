/* toy_pack.c: see toy_pack.h. Tables are filled in the order of the format, then laid out. */
#include "toy_pack.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

typedef struct Toys {
    char strings[1024]; uint32_t nstrings;
    LgkKernel kernels[1]; LgkName names[2], choices[8]; LgkType types[1]; LgkOption options[1]; LgkTensor tensors[TOY_TENSORS];
    LgkExtent extents[64]; uint32_t nextents;
    LgkScalar scalars[2]; LgkInstance instances[4]; LgkSet sets[16]; LgkVariant variants[32]; LgkCond conds[32]; LgkLaunch launches[32];
    LgkWord words[64]; LgkCode codes[4];
    uint32_t nsets, nvariants, nconds, nlaunches, nwords;
} Toys;

static const uint8_t host_code[] = {0x48, 0x8b, 0x07, 0x39, 0xd6, 0x73, 0x0f, 0x41, 0x89, 0xf0, 0x44, 0x8d,
                                    0x4e, 0x01, 0x46, 0x89, 0x0c, 0x80, 0xff, 0xc6, 0xeb, 0xed, 0xc3};
static const char cubin[] = "not really machine code of sm_90a", ptx[] = ".version 7.8 .target sm_80";

static uint32_t str(Toys *t, const char *s)
{
    uint32_t at = t->nstrings, n = (uint32_t)strlen(s) + 1;
    memcpy(t->strings + at, s, n);
    t->nstrings += n;
    return at;
}

static uint32_t extent(Toys *t, int64_t m, int64_t n, int64_t den)
{
    t->extents[t->nextents] = (LgkExtent){.den = den, .k = {m, n}};
    return t->nextents++;
}

static void tensor(Toys *t, int i, const char *name, uint32_t mode, uint32_t dtype, int over, uint32_t accumulate)
{
    t->tensors[i] = (LgkTensor){str(t, name), 0, mode, dtype, dtype ? -1 : 0, over, accumulate, 0, t->nextents};
}

static void dims(Toys *t, int i, int64_t m, int64_t n, int64_t den)
{
    extent(t, m, n, den);
    t->tensors[i].rank++;
}

static void declare(Toys *t)
{
    str(t, "");
    t->names[0].name = str(t, "M");
    t->names[1].name = str(t, "N");
    t->types[0] = (LgkType){str(t, "T"), {0, 2}};
    t->choices[0] = (LgkName){str(t, "f32"), LGK_F32};
    t->choices[1] = (LgkName){str(t, "f16"), LGK_F16};
    t->options[0] = (LgkOption){str(t, "opt"), {2, 3}, 0};
    t->choices[2].name = str(t, "with");
    t->choices[3].name = str(t, "without");
    t->choices[4].name = str(t, "half");
    t->scalars[0] = (LgkScalar){str(t, "eps"), LGK_F32, 1, LGK_RANGE_GIVEN | LGK_RANGE_LO_OPEN, 0.5, 0, 1};
    t->scalars[1] = (LgkScalar){str(t, "n"), LGK_I64, 1, LGK_RANGE_GIVEN | LGK_RANGE_HI_OPEN, 7, -5, 100};
    tensor(t, TOY_X, "x", LGK_IN, 0, -1, 0), dims(t, TOY_X, 1, 0, 1), dims(t, TOY_X, 0, 1, 1);
    tensor(t, TOY_W, "w", LGK_IN, LGK_F32, -1, 0), dims(t, TOY_W, 0, 1, 1);
    tensor(t, TOY_Y, "y", LGK_OUT, 0, TOY_X, 0), dims(t, TOY_Y, 1, 0, 1), dims(t, TOY_Y, 0, 1, 1);
    tensor(t, TOY_S, "s", LGK_OUT, LGK_F32, -1, 0), dims(t, TOY_S, 1, 0, 1);
    tensor(t, TOY_ACC, "acc", LGK_OUT, LGK_F32, -1, 1), dims(t, TOY_ACC, 0, 1, 1);
    tensor(t, TOY_H, "h", LGK_OUT, 0, -1, 0), dims(t, TOY_H, 1, 0, 1), dims(t, TOY_H, 0, 1, 2);
    t->kernels[0] = (LgkKernel){str(t, "toy"), str(t, "scale"), str(t, "a toy"), 0, {0, 2}, {0, 1}, {0, 1}, {0, TOY_TENSORS}, {0, 2}, {0, 4}};
}

static void launch(Toys *t, const char *symbol, uint32_t grid, int per, int ctas, uint32_t shared, uint32_t pdl)
{
    static const LgkWord words[] = {{LGK_W_PTR, TOY_S, 0, 0}, {LGK_W_PTR, TOY_X, 0, 0}, {LGK_W_STRIDE, TOY_X, 0, 0}, {LGK_W_SCALAR, 0, 0, 0},
                                    {LGK_W_SCALAR, 1, 0, 0}, {LGK_W_DIM, 1, 0, 0}, {LGK_W_WORK, 0, 0, 0}, {LGK_W_INST, 0, 0, 0}, {LGK_W_ROWLEN, 0, 0, 0}};
    if (!t->nwords) {
        memcpy(t->words, words, sizeof words);
        t->words[9] = (LgkWord){LGK_W_BLOCKS, 0, 0, 0};
        t->nwords = 10;
    }
    t->launches[t->nlaunches] = (LgkLaunch){str(t, symbol), 0, grid, per, grid == LGK_G_PERSISTENT ? 100 : 1, ctas, grid == LGK_G_PERSISTENT ? 3 : 1, 0, 0, 128, shared, 1, pdl, {0, grid == LGK_G_COLUMNS ? 10 : 9}};
    t->nlaunches++;
}

static LgkVariant *variant(Toys *t, const char *schedule, uint32_t code)
{
    LgkVariant *v = &t->variants[t->nvariants++];
    *v = (LgkVariant){.schedule = str(t, schedule), .conds = {t->nconds, 0}, .launches = {t->nlaunches, 0}, .inst = {t->nextents, 1}, .code = code, .covers = 1};
    extent(t, 1, 0, 1);
    v->row = extent(t, 0, 1, 1);
    v->places = v->row;
    return v;
}

static void set(Toys *t, const char *target, uint32_t kind, uint32_t sm, uint32_t specific)
{
    t->sets[t->nsets++] = (LgkSet){.target = str(t, target), .kind = kind, .sm = sm, .arch_specific = specific, .variants = {t->nvariants, 0}};
}

/* host; sm_90a machine code in two variants, the first for aligned rows of a multiple of 8; sm_80 PTX. */
static void sets(Toys *t)
{
    set(t, "host", LGK_CODE_HOST, 0, 0);
    LgkVariant *v = variant(t, "one row a block", 0);
    launch(t, "toy_host", LGK_G_GROUPS, 1, 0, 0, 0);
    v->launches.count = t->sets[t->nsets - 1].variants.count = 1;
    set(t, "sm_90a", LGK_CODE_CUBIN, 90, 1);
    v = variant(t, "persistent", 1);
    t->conds[t->nconds++] = (LgkCond){LGK_C_ALIGNED, TOY_X, 1, 0, 16};
    t->conds[t->nconds++] = (LgkCond){LGK_C_ROWLEN_MULT, 0, 0, 0, 8};
    v->conds.count = 2;
    launch(t, "toy_persistent", LGK_G_PERSISTENT, 2, 2, 60000, 1);
    t->launches[t->nlaunches - 1].work_bytes = 4;
    t->launches[t->nlaunches - 1].work_by = LGK_BY_COLUMN;
    launch(t, "toy_persistent_1", LGK_G_COLUMNS, 32, 0, 0, 0);
    v->launches.count = 2;
    v = variant(t, "any", 1);
    launch(t, "toy_any", LGK_G_GROUPS, 4, 0, 0, 0);
    v->launches.count = 1;
    t->sets[t->nsets - 1].variants.count = 2;
    set(t, "sm_80", LGK_CODE_PTX, 80, 0);
    v = variant(t, "ptx", 2);
    launch(t, "toy_ptx", LGK_G_GROUPS, 4, 0, 0, 0);
    v->launches.count = t->sets[t->nsets - 1].variants.count = 1;
}

static void instances(Toys *t)
{
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t option = i < 3 ? i : 0, first = t->nsets;
        sets(t);
        t->instances[i] = (LgkInstance){.nests = 1, .dtype = {i < 3 ? LGK_F32 : LGK_F16}, .option = {option},
                                        .present = option == 0 ? 31 : option == 1 ? 29 : 61, .sets = {first, t->nsets - first}};
    }
}

static size_t put(uint8_t *at, size_t pos, const void *p, size_t n)
{
    memcpy(at + pos, p, n);
    return (pos + n + 7) / 8 * 8;
}

void toy_seal(Toy t)
{
    LgkHeader *h = t.bytes;
    h->digest[0] = h->digest[1] = 0;
    XXH128_hash_t d = XXH3_128bits(t.bytes, h->code_offset);
    h->digest[0] = d.low64;
    h->digest[1] = d.high64;
}

static size_t put_codes(Toys *t, uint8_t *bytes, size_t at)
{
    const void *code[3] = {host_code, cubin, ptx};
    size_t size[3] = {sizeof host_code, sizeof cubin, sizeof ptx};
    for (int i = 0; i < 3; i++) {
        size_t padded = (size[i] + 15) / 16 * 16;
        memcpy(bytes + at, code[i], size[i]);
        XXH128_hash_t d = XXH3_128bits(bytes + at, padded);
        t->codes[i] = (LgkCode){at, size[i], {d.low64, d.high64}, i == 0 ? LGK_CODE_HOST : i == 1 ? LGK_CODE_CUBIN : LGK_CODE_PTX, 0};
        at += padded;
    }
    return at;
}

Toy toy_pack(void)
{
    Toys *t = calloc(1, sizeof *t);
    Toy out = {aligned_alloc(16, 65536), 0};
    uint8_t *b = memset(out.bytes, 0, 65536);
    LgkHeader h = {.magic = LGK_MAGIC, .version = LGK_VERSION, .ntables = LGK_T_COUNT};
    declare(t);
    instances(t);
    const struct { const void *p; size_t n, stride; } tables[LGK_T_COUNT] = {
        {t->strings, t->nstrings, 1}, {t->kernels, 1, sizeof(LgkKernel)}, {t->names, 2, sizeof(LgkName)}, {t->choices, 5, sizeof(LgkName)},
        {t->types, 1, sizeof(LgkType)}, {t->options, 1, sizeof(LgkOption)}, {t->tensors, TOY_TENSORS, sizeof(LgkTensor)},
        {t->extents, t->nextents, sizeof(LgkExtent)}, {t->scalars, 2, sizeof(LgkScalar)}, {t->instances, 4, sizeof(LgkInstance)},
        {t->sets, t->nsets, sizeof(LgkSet)}, {t->variants, t->nvariants, sizeof(LgkVariant)}, {t->conds, t->nconds, sizeof(LgkCond)},
        {t->launches, t->nlaunches, sizeof(LgkLaunch)}, {t->words, t->nwords, sizeof(LgkWord)}, {t->codes, 3, sizeof(LgkCode)}};
    size_t at = sizeof h, codes = 0;
    for (int i = 0; i < LGK_T_COUNT; i++) {
        h.table[i] = (LgkTable){at, (uint32_t)tables[i].n, (uint32_t)tables[i].stride};
        codes = at;
        at = put(b, at, tables[i].p, tables[i].n * tables[i].stride);
    }
    h.code_offset = (at + 15) / 16 * 16;
    out.size = h.size = put_codes(t, b, h.code_offset);
    memcpy(b + codes, t->codes, 3 * sizeof(LgkCode));
    memcpy(b, &h, sizeof h);
    toy_seal(out);
    free(t);
    return out;
}

static void make(ToyCall *c, int i, int rank, int64_t m, int64_t n)
{
    c->shape[i][0] = m;
    c->shape[i][rank - 1] = rank == 1 && i != TOY_S ? n : c->shape[i][rank - 1];
    if (rank == 2)
        c->shape[i][1] = n;
    c->t[i].ndim = rank;
    c->t[i].shape = c->shape[i];
    c->t[i].dtype = (DLDataType){kDLFloat, 32, 1};
}

void toy_call(ToyCall *c, const lgr_kernel *k, DLDeviceType device, char *memory, int64_t m, int64_t n)
{
    memset(c, 0, sizeof *c);
    make(c, TOY_X, 2, m, n);
    make(c, TOY_W, 1, m, n);
    make(c, TOY_Y, 2, m, n);
    make(c, TOY_S, 1, m, n);
    make(c, TOY_ACC, 1, m, n);
    make(c, TOY_H, 2, m, n / 2);
    for (int i = 0; i < TOY_TENSORS; i++) {
        c->t[i].data = memory + (size_t)i * 1048576;
        c->t[i].device.device_type = device;
        c->list[i] = i == TOY_H ? NULL : &c->t[i];
    }
    c->call = (lgr_call){.size = sizeof(lgr_call), .kernel = k, .tensors = c->list, .ntensors = TOY_TENSORS, .options = &c->option, .noptions = 1};
}

lgr_context *toy_context(const lgr_config *config, Toy t, const lgr_kernel **k)
{
    lgr_context *ctx;
    assert_int_equal(lgr_context_create(config, &ctx), LGR_OK);
    assert_int_equal(lgr_pack_open_memory(ctx, t.bytes, t.size), LGR_OK);
    assert_int_equal(lgr_kernel_find(ctx, "toy", "scale", k), LGR_OK);
    return ctx;
}
