/* prove_refuse.c: calls with one thing wrong, drawn at random: each is refused with the status and the argument that it is wrong in, and nothing is written.
 * Runs on the host: what is refused never reaches a device.
 */
#include "prove.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A call that may be spoilt, and what is then expected. */
typedef struct Spoilt {
    Trial *t;
    uint64_t seed;
    DLTensor x[MEASURE_MAX_TENSORS];
    const DLTensor *arg[MEASURE_MAX_TENSORS];
    int64_t shape[6], stride[6];
    int32_t options[MEASURE_MAX_NAMES];
    lgr_call call;
    uint32_t i;                       /* the tensor drawn, present */
    lgr_status status;
    const char *argument;
} Spoilt;

typedef bool (*Spoil)(Spoilt *s);     /* false: this call has nothing of the kind */

static uint32_t below(Spoilt *s, uint32_t n)
{
    s->seed ^= s->seed << 13, s->seed ^= s->seed >> 7, s->seed ^= s->seed << 17;
    return (uint32_t)((s->seed >> 20) % n);
}

static const char *name_of(const Spoilt *s, uint32_t i) { return lgr_kernel_tensor(s->t->c->k, i).name; }

static bool expect(Spoilt *s, lgr_status status, const char *argument)
{
    s->status = status;
    s->argument = argument;
    return true;
}

static bool about(Spoilt *s, lgr_status status) { return expect(s, status, name_of(s, s->i)); }

static uint32_t first_present(const Spoilt *s)
{
    uint32_t i = 0;
    while (!s->arg[i])
        i++;
    return i;
}

static bool rank_less(Spoilt *s)
{
    s->x[s->i].ndim--;
    return s->x[s->i].ndim >= 0 && about(s, LGR_ERROR_RANK);
}

static bool extent_negative(Spoilt *s)
{
    if (!s->x[s->i].ndim)
        return false;
    s->shape[below(s, (uint32_t)s->x[s->i].ndim)] = -1 - (int64_t)below(s, 100);
    return about(s, LGR_ERROR_SHAPE);
}

/* Does a tensor before i say what this extent is? Of several dims no one tensor says it. */
static bool told_before(const Spoilt *s, uint32_t i, const char *extent)
{
    char text[64];
    for (uint32_t j = 0; j < i && isalpha((unsigned char)*extent) && !strpbrk(extent, "+-*/"); j++)
        for (int d = 0; s->arg[j] && d < s->x[j].ndim; d++) {
            lgr_kernel_extent(s->t->c->k, j, (uint32_t)d, text, sizeof text);
            if (!strcmp(text, extent))
                return true;
        }
    return strspn(extent, "0123456789") == strlen(extent);
}

static bool extent_other(Spoilt *s)
{
    char text[64];
    if (!s->x[s->i].ndim)
        return false;
    uint32_t d = below(s, (uint32_t)s->x[s->i].ndim);
    lgr_kernel_extent(s->t->c->k, s->i, d, text, sizeof text);
    if (!told_before(s, s->i, text))
        return false;
    s->shape[d] += 1 + below(s, 3);
    return about(s, LGR_ERROR_SHAPE);
}

static bool dtype_unknown(Spoilt *s)
{
    static const DLDataType none[] = {{kDLFloat, 24, 1}, {kDLFloat, 32, 4}, {kDLInt, 16, 1}, {99, 32, 1}, {kDLBfloat, 32, 1}};
    s->x[s->i].dtype = none[below(s, 5)];
    return about(s, LGR_ERROR_DTYPE);
}

/* A fixed type, or one that a tensor before it has told. */
static bool dtype_other(Spoilt *s)
{
    const char *type = lgr_kernel_tensor(s->t->c->k, s->i).type;
    bool told = !isupper((unsigned char)*type);
    for (uint32_t j = 0; j < s->i; j++)
        told |= s->arg[j] && !strcmp(lgr_kernel_tensor(s->t->c->k, j).type, type);
    s->x[s->i].dtype = (DLDataType){kDLFloat, 64, 1};
    return told && about(s, LGR_ERROR_DTYPE);
}

static bool device_other(Spoilt *s)
{
    bool first = s->i == first_present(s);
    s->x[s->i].device = (DLDevice){first || below(s, 2) ? (DLDeviceType)8 : kDLCUDA, 0};
    return about(s, LGR_ERROR_DEVICE);
}

static bool tensor_missing(Spoilt *s)
{
    s->arg[s->i] = NULL;
    return about(s, LGR_ERROR_NULL);
}

static bool tensor_too_many(Spoilt *s)
{
    uint32_t j = below(s, s->t->n);
    if (s->arg[j])
        return false;
    s->arg[j] = &s->x[j];
    return expect(s, LGR_ERROR_NULL, name_of(s, j));
}

static bool data_null(Spoilt *s)
{
    s->x[s->i].data = NULL;
    s->x[s->i].byte_offset = 0;
    return s->t->t[s->i].n && about(s, LGR_ERROR_NULL);
}

static bool misaligned(Spoilt *s)
{
    s->x[s->i].byte_offset += 1;
    return s->t->t[s->i].n && s->x[s->i].dtype.bits > 8 && about(s, LGR_ERROR_STRIDE);
}

static bool stride_zero(Spoilt *s)
{
    if (!s->t->t[s->i].out || !s->t->t[s->i].n || !s->x[s->i].ndim)
        return false;
    uint32_t d = below(s, (uint32_t)s->x[s->i].ndim);
    s->stride[d] = 0;
    return s->shape[d] > 1 && about(s, LGR_ERROR_STRIDE);
}

static bool overlap(Spoilt *s)
{
    const TrialTensor *t = s->t->t;
    uint32_t j = below(s, s->t->n);
    if (!s->arg[j] || j == s->i || !t[s->i].out || t[j].out || !t[s->i].n || !t[j].n || t[s->i].size > t[j].size || lgr_kernel_tensor(s->t->c->k, s->i).over == (int)j)
        return false;
    if (s->x[j].byte_offset % (t[s->i].t.bits / 8))
        return false;
    s->x[s->i].data = s->x[j].data;
    s->x[s->i].byte_offset = s->x[j].byte_offset;
    return about(s, LGR_ERROR_ALIAS);
}

static bool option_unknown(Spoilt *s)
{
    uint32_t n = s->call.noptions, choices, def;
    if (!n)
        return false;
    uint32_t i = below(s, n);
    const char *name = lgr_kernel_option(s->t->c->k, i, &choices, &def);
    s->options[i] = below(s, 2) ? -1 - (int32_t)below(s, 9) : (int32_t)(choices + below(s, 9));
    return expect(s, LGR_ERROR_OPTION, name);
}

static bool workspace_short(Spoilt *s)
{
    if (!s->call.workspace_size || !s->t->t[first_present(s)].n)
        return false;
    switch (below(s, 3)) {
    case 0:  s->call.workspace_size -= 1 + below(s, (uint32_t)s->call.workspace_size); break;
    case 1:  s->call.workspace = NULL; break;
    default: s->call.workspace = (char *)s->call.workspace + 128; break;
    }
    return expect(s, LGR_ERROR_WORKSPACE, "workspace");
}

static bool counts(Spoilt *s)
{
    switch (below(s, 4)) {
    case 0:  s->call.ntensors += 1 + below(s, 5); break;
    case 1:  s->call.ntensors--; break;
    case 2:  s->call.noptions += 1; break;
    default: s->call.kernel = NULL; break;
    }
    return expect(s, LGR_ERROR_ARGUMENT, "call");
}

static const struct { const char *name; Spoil spoil; } spoils[] = {
    {"a dimension less", rank_less}, {"a negative extent", extent_negative}, {"another extent", extent_other}, {"an unknown dtype", dtype_unknown}, {"another dtype", dtype_other},
    {"another device", device_other}, {"no tensor", tensor_missing}, {"a tensor too many", tensor_too_many}, {"no memory", data_null}, {"a misaligned base", misaligned},
    {"stride 0", stride_zero}, {"overlap", overlap}, {"an unknown option", option_unknown}, {"too little workspace", workspace_short}, {"other counts", counts},
};
enum { SPOILS = sizeof spoils / sizeof *spoils };

static void fresh(Spoilt *s, uint64_t seed)
{
    Trial *t = s->t;
    *s = (Spoilt){.t = t, .seed = seed * 0x9e3779b97f4a7c15u + 88172645463325252u};
    memcpy(s->x, t->host.t, sizeof s->x);
    memcpy(s->options, t->options, sizeof s->options);
    s->call = t->host.call;
    s->call.tensors = s->arg;
    s->call.options = s->options;
    for (uint32_t i = 0; i < t->n; i++)
        s->arg[i] = t->t[i].present ? &s->x[i] : NULL;
    do
        s->i = below(s, t->n);
    while (!s->arg[s->i]);
    memcpy(s->shape, t->t[s->i].shape, sizeof s->shape);
    memcpy(s->stride, t->t[s->i].stride, sizeof s->stride);
    s->x[s->i].shape = s->shape;
    s->x[s->i].strides = s->stride;
}

static bool refused_so(Proof *p, Spoilt *s, const char *how)
{
    Trial *t = s->t;
    lgr_status got = lgr_launch(p->m.ctx, &s->call);
    const lgr_error *e = lgr_last_error();
    if (got == s->status && !strcmp(e->argument, s->argument) && e->status == got && (!s->call.kernel || strstr(e->op, lgr_kernel_name(s->call.kernel))))
        return true;
    snprintf(t->what, sizeof t->what, "%s of %s: %s about '%s', wanted %s about '%s'", how, name_of(s, s->i), lgr_status_name(got), got ? e->argument : "", lgr_status_name(s->status), s->argument);
    return false;
}

static bool nothing_written(Trial *t)
{
    for (uint32_t i = 0; i < t->n; i++)
        if (t->t[i].present && memcmp(t->t[i].before, t->t[i].bytes, t->t[i].size)) {
            snprintf(t->what, sizeof t->what, "%s was written by a call that was refused", lgr_kernel_tensor(t->c->k, i).name);
            return false;
        }
    return true;
}

bool prove_refuse(Proof *p, Trial *t)
{
    static uint64_t seed;
    Spoilt s = {.t = t};
    int rounds = p->count ? p->count : 1000, done = 0;
    trial_make(t);
    bool ok = trial_workspace(t, &t->host);
    for (int tries = 0; ok && done < rounds && tries < rounds * 50; tries++) {
        fresh(&s, ++seed);
        int k = (int)below(&s, SPOILS);
        if (!spoils[k].spoil(&s))
            continue;
        done++;
        ok = refused_so(p, &s, spoils[k].name);
    }
    ok = ok && nothing_written(t) && trial_run_host(t);     /* and what is right is served after all that */
    p->figure[0] = p->trials == 1 ? done : p->figure[0] + done;
    snprintf(p->note, sizeof p->note, "%.0f bad calls of %d kinds", p->figure[0], SPOILS);
    trial_free(t);
    return ok;
}
