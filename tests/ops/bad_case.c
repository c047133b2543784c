/* bad_case.c: see bad_case.h. */
#include "bad_case.h"
#include "backend.h"
#include "toy_pack.h"

static lgr_status count_launch(void *self, const void *code, size_t size, uint32_t nth, const LgkLaunch *l, uint32_t blocks, const uint64_t *words, uint32_t nwords,
                               const lgr__range *ranges, uint32_t nranges)
{
    (void)code, (void)size, (void)nth, (void)l, (void)blocks, (void)words, (void)nwords, (void)ranges, (void)nranges;
    ++*(int *)self;
    return LGR_OK;
}

static const lgr__backend counting = {"sim", 8, count_launch};

/* NAME=VALUE of the overrides, or the default. */
static const char *value_of(const char *name, const char *standard, const char *const *overrides, Arena *a)
{
    size_t n = strlen(name);
    for (; *overrides; overrides++)
        if (!strncmp(*overrides, name, n) && (*overrides)[n] == '=')
            return *overrides;
    return arena_strf(a, "%s=%s", name, standard);
}

static uint32_t fix_all(const SemaOp *op, const char *const *overrides, Arena *a, const char **fix)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < op->ntypes; i++)
        fix[n++] = value_of(op->types[i].name, dt_name(op->types[i].choice[op->types[i].defval]), overrides, a);
    for (uint32_t i = 0; i < op->noptions; i++)
        fix[n++] = value_of(op->options[i].name, op->options[i].choice[op->options[i].defval], overrides, a);
    return n;
}

static bool open_contexts(BadOp *b)
{
    lgr_config config = LGR_CONFIG_INIT;
    bool ok = true;
    config.cache_dir = "";
    for (int w = 0; w < BAD_WHERES; w++) {
        config.driver = w == 2 ? fake_driver() : NULL;
        ok = ok && lgr_context_create(&config, &b->ctx[w]) == LGR_OK && lgr_pack_open_memory(b->ctx[w], b->pack.p, b->pack.n) == LGR_OK;
    }
    if (ok)
        lgr__set_backend(b->ctx[1], &counting, &b->launched);
    return ok;
}

bool bad_open(BadOp *b, const char *spec, const char *const *overrides)
{
    const char *fix[SEMA_MAX_TYPES + SEMA_MAX_OPTIONS];
    *b = (BadOp){.launched = 0};
    if (!source_open(&b->src, spec))
        return false;
    PipeRequest r = {.op = b->src.op, .source = &b->src.diag, .targets = {target_find("host"), target_find("sim"), target_find("sm_90a")}, .ntargets = 3, .fix = fix,
                     .nfix = fix_all(b->src.op, overrides, b->src.arena, fix), .jobs = 2, .ptx_only = true};
    PackWriter *w = pack_new(b->src.arena);
    if (!pipe_run(&r, b->src.arena, &b->src.diag, &b->res) || b->res.failed)
        return false;
    pipe_pack(&r, &b->res, w);
    pack_finish(w, &b->pack);
    b->memory = aligned_alloc(256, (BAD_TENSORS + 1) * BAD_ROOM);
    b->before = malloc((BAD_TENSORS + 1) * BAD_ROOM);
    return b->memory && b->before && open_contexts(b);
}

void bad_close(BadOp *b)
{
    for (int w = 0; w < BAD_WHERES; w++)
        lgr_context_destroy(b->ctx[w]);
    pipe_free(&b->res);
    buf_free(&b->pack);
    source_close(&b->src);
    free(b->memory);
    free(b->before);
}

uint32_t bad_draw(uint64_t *rng, uint32_t below)
{
    *rng ^= *rng << 13, *rng ^= *rng >> 7, *rng ^= *rng << 17;
    return (uint32_t)(*rng >> 32) % below;
}

int64_t bad_elements(const BadCall *c, uint32_t i)
{
    int64_t n = 1;
    for (int d = 0; d < c->t[i].ndim; d++)
        n *= c->shape[i][d];
    return n;
}

int bad_done(const BadOp *b, int where) { return where == 1 ? b->launched : where == 2 ? fake.launches + fake.sets : 0; }

static bool make_tensor(BadOp *b, BadCall *c, uint32_t i, bool padded)
{
    const TirTensor *t = &c->fn->tensors[i];
    int64_t step = 1;
    for (int d = t->rank; d-- > 0;) {
        if (!tir_ext_eval(t->shape[d], c->dims, &c->shape[i][d]))
            return false;
        c->stride[i][d] = step;
        step *= c->shape[i][d] + (padded && d == t->rank - 1 && t->rank > 1 ? 3 : 0);
    }
    c->t[i] = (DLTensor){.data = b->memory + i * BAD_ROOM, .device = {c->where == 2 ? kDLCUDA : kDLCPU, 0}, .ndim = t->rank,
                         .dtype = {(uint8_t)dt_dl_code(t->dt), (uint8_t)dt_dl_bits(t->dt), 1}, .shape = c->shape[i], .strides = padded ? c->stride[i] : NULL};
    c->list[i] = &c->t[i];
    return step * dt_bytes(t->dt) <= BAD_ROOM / 2;
}

static void fill_call(BadCall *c, const PipeUnit *u)
{
    for (uint32_t i = 0; i < c->k->nparams; i++)
        if (c->k->params[i].dt == DT_F32)
            c->scalars[i].f = c->k->params[i].has_default ? c->k->params[i].defval : 1;
        else
            c->scalars[i].i = (int64_t)c->k->params[i].defval;
    c->call = (lgr_call){.size = sizeof c->call, .tensors = c->list, .ntensors = c->n, .scalars = c->scalars, .nscalars = c->k->nparams, .options = c->options};
    for (uint32_t i = 0; i < c->op->noptions; i++)
        if (c->k->options >> i & 1) {
            c->option[c->call.noptions] = i;
            c->options[c->call.noptions++] = u->binding.option[i];
        }
}

bool bad_call(BadOp *b, const PipeUnit *u, int where, bool padded, uint64_t *rng, BadCall *c)
{
    *c = (BadCall){.of = b, .op = b->src.op, .k = &b->src.op->kernels[u->kernel], .fn = u->fn, .where = where};
    for (uint32_t i = 0; i < c->fn->ndims; i++)
        c->dims[i] = 2 + 2 * bad_draw(rng, 4);
    for (; c->n < c->fn->ntensors && c->fn->tensors[c->n].mode != TIR_SCRATCH; c->n++)
        if (!c->fn->tensors[c->n].absent && !make_tensor(b, c, c->n, padded))
            return false;
    fill_call(c, u);
    if (lgr_kernel_find(b->ctx[where], c->op->name, c->k->name, &c->call.kernel) != LGR_OK || lgr_workspace_size(b->ctx[where], &c->call, &c->need) != LGR_OK || c->need > BAD_ROOM)
        return false;
    c->call.workspace = b->memory + BAD_TENSORS * BAD_ROOM;
    c->call.workspace_size = c->need;
    return true;
}

void bad_fold(BadCall *c, uint64_t *rng)
{
    for (uint32_t i = 0; i < c->n; i++) {
        bool two = c->shape[i][0] % 2 == 0 && bad_draw(rng, 2);
        if (!c->list[i] || !bad_draw(rng, 3))
            continue;
        memmove(c->shape[i] + 1, c->shape[i], sizeof(int64_t) * (size_t)c->t[i].ndim);
        memmove(c->stride[i] + 1, c->stride[i], sizeof(int64_t) * (size_t)c->t[i].ndim);
        c->shape[i][1] /= two ? 2 : 1;
        c->shape[i][0] = two ? 2 : 1;
        c->stride[i][0] = two ? c->shape[i][1] * c->stride[i][1] : 12345;
        c->t[i].ndim++;
    }
}
