/* tuner.c: see tuner.h. */
#include "tuner.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SETUP_PATIENCE = 300, CANDIDATE_PATIENCE = 20 };

static const struct { const char *name, *doc; } fates[] = {
#define X(name, doc) {#name, doc},
    TUNER_FATES(X)
#undef X
};

const char *tuner_fate_name(TunerFate f) { return fates[f].name; }
const char *tuner_fate_doc(TunerFate f) { return fates[f].doc; }

/* ---- what the child tells ---- */

typedef enum Kind { SAY_CASE, SAY_TRY, SAY_ROW, SAY_TIME, SAY_DONE } Kind;
typedef struct Message { Kind kind; uint32_t variant, candidates, serving; double us; uint64_t bytes; char machine[128]; TunerRow row; } Message;

typedef struct Child {
    const Tuner *t;
    Measure m;
    Case c, small;
    Set host, probe, s[MEASURE_MAX_SETS];
    int sets, launches, pipe;
    double end;                       /* microseconds on measure_now_us's clock; 0: none */
    const uint32_t *dead; int ndead;
    GpuGraph graph[TUNER_MAX_ROWS];
    uint32_t ready[TUNER_MAX_ROWS]; int n;
    int64_t model;                    /* the first variant that serves; -1: none so far */
} Child;

static void say(const Child *k, const Message *m)
{
    if (write(k->pipe, m, sizeof *m) != (ssize_t)sizeof *m)
        _exit(3);
}

static void say_try(const Child *k, uint32_t v) { say(k, &(Message){.kind = SAY_TRY, .variant = v}); }

static bool late(const Child *k) { return k->end > 0 && measure_now_us() > k->end; }

static void open_all(Child *k)
{
    const Tuner *t = k->t;
    const char *why;
    if (lgr_context_create(NULL, &k->m.ctx) != LGR_OK || lgr_pack_open_memory(k->m.ctx, t->pack, t->pack_size) != LGR_OK ||
        (t->with && lgr_pack_open_memory(k->m.ctx, t->with, t->with_size) != LGR_OK))
        measure_die("tune");
    if (t->host)
        return;
    k->m.gpu = gpu_open(&why);
    if (!k->m.gpu) {
        fprintf(stderr, "tune: no GPU: %s\n", why);
        _exit(6);
    }
    k->m.stream = gpu_stream(k->m.gpu);
}

static lgr_choice look(Child *k, Set *s)
{
    lgr_choice ch = {.size = sizeof ch};
    if (lgr_explain(k->m.ctx, &s->call, &ch) != LGR_OK)
        measure_die("explain");
    return ch;
}

static bool is_dead(const Child *k, uint32_t v)
{
    for (int i = 0; i < k->ndead; i++)
        if (k->dead[i] == v)
            return true;
    return false;
}

/* Sets the variant everywhere; false when it does not serve. Workspaces grow here, before graphs hold their addresses. */
static bool select_variant(Child *k, uint32_t v, uint32_t nest)
{
    bool serves = true;
    for (int i = 0; i <= k->sets; i++) {
        Set *s = i < k->sets ? &k->s[i] : &k->probe;
        s->call.variant = v + 1;
        s->call.nest = nest;
        serves &= measure_workspace(&k->m, s);
    }
    return serves;
}

static TunerFate check(Child *k, double *err, char *why, size_t room)
{
    measure_clear(&k->m, &k->c, &k->probe);
    if (k->m.gpu)
        gpu_sync(k->m.gpu, NULL);           /* the fills are in the default stream, the launch is not */
    if (lgr_prepare(k->m.ctx, &k->s[0].call) != LGR_OK || lgr_launch(k->m.ctx, &k->probe.call) != LGR_OK) {
        lgr_last_error_text(why, room);
        return TUNER_launch;
    }
    if (k->m.gpu)
        gpu_sync(k->m.gpu, k->m.stream);
    *err = measure_compare(&k->m, &k->small, &k->probe, &k->host);
    if (*err < 6e-3)
        return TUNER_unheard;
    snprintf(why, room, "%s: relative error %.2e; its first element is %g, wanted %g", k->m.worst, *err, k->m.got, k->m.want);
    return TUNER_wrong;
}

static void try_variant(Child *k, uint32_t v, uint32_t nest)
{
    Message m = {.kind = SAY_ROW, .variant = v};
    if (is_dead(k, v) || !select_variant(k, v, nest))
        return;
    say_try(k, v);
    lgr_choice ch = look(k, &k->s[0]);
    m.row = (TunerRow){.variant = v, .nest = ch.nest, .registers = ch.registers, .spills = ch.spills, .n = ch.row_length, .instances = ch.instances, .model = v == k->model};
    snprintf(m.row.target, sizeof m.row.target, "%s", ch.target);
    snprintf(m.row.schedule, sizeof m.row.schedule, "%s", ch.schedule);
    m.row.fate = TUNER_unheard;
    say(k, &m);
    m.row.fate = check(k, &m.row.err, m.row.why, sizeof m.row.why);
    say(k, &m);
    if (m.row.fate != TUNER_unheard)
        return;
    if (k->m.gpu)
        k->graph[k->n] = measure_graph(&k->m, k->s, k->sets, k->launches);
    k->ready[k->n++] = v;
}

static double time_one(Child *k, int i, uint32_t nest)
{
    if (k->m.gpu)
        return gpu_time_graph(k->m.gpu, k->graph[i], k->m.stream) / k->launches;
    select_variant(k, k->ready[i], nest);
    return measure_host_launch(&k->m, &k->s[0]);
}

/* The first round warms up, and tells nothing. */
static void time_all(Child *k, uint32_t nest)
{
    for (int r = -1; r < k->t->rounds && !(r > 0 && late(k)); r++)
        for (int i = 0; i < k->n; i++) {
            say_try(k, k->ready[i]);
            Message m = {.kind = SAY_TIME, .variant = k->ready[i], .us = time_one(k, i, nest)};
            if (r >= 0)
                say(k, &m);
        }
}

static void set_up(Child *k, const char *text)
{
    bool device = !k->t->host;
    open_all(k);
    if (!measure_parse(&k->m, text, &k->c))
        exit(2);
    k->small = measure_small(&k->c);
    measure_set(&k->m, false, &k->small, &k->host);
    lgr_choice plain = look(k, &k->host);
    if (!device) {                       /* against the form that always holds */
        k->host.call.variant = plain.variants;
        k->host.call.nest = plain.nest;
        measure_workspace(&k->m, &k->host);
    }
    if (lgr_launch(k->m.ctx, &k->host.call) != LGR_OK)
        measure_die(text);
    measure_set(&k->m, device, &k->small, &k->probe);
    measure_set(&k->m, device, &k->c, &k->s[0]);
    size_t bytes = measure_bytes(&k->c, &k->s[0]);
    k->sets = device ? measure_sets_for(bytes) : 1;
    k->launches = measure_launches_for(bytes, k->sets);
    for (int i = 1; i < k->sets; i++)
        measure_set(&k->m, device, &k->c, &k->s[i]);
}

static _Noreturn void run_child(Child *k, const char *text)
{
    set_up(k, text);
    lgr_choice first = look(k, &k->s[0]);
    Message m = {.kind = SAY_CASE, .candidates = first.variants, .bytes = measure_bytes(&k->c, &k->s[0])};
    m.us = k->m.gpu ? measure_copy(&k->m, m.bytes) : measure_host_copy(&k->m, m.bytes);
    snprintf(m.machine, sizeof m.machine, "%s", k->m.gpu ? gpu_name(k->m.gpu) : "host");
    k->model = -1;
    for (uint32_t v = 0; v < first.variants && v < TUNER_MAX_ROWS; v++)
        if (select_variant(k, v, first.nest)) {
            k->model = k->model < 0 ? v : k->model;
            m.serving++;
        }
    say(k, &m);
    double whole = k->end > 0 ? k->end - measure_now_us() : 0, prepared = measure_now_us() + whole * 0.6;
    for (uint32_t v = 0; v < first.variants && v < TUNER_MAX_ROWS && !(whole > 0 && k->n && measure_now_us() > prepared); v++)
        try_variant(k, v, first.nest);
    time_all(k, first.nest);
    say(k, &(Message){.kind = SAY_DONE});
    _exit(0);
}

/* ---- the parent ---- */

typedef struct Follow {
    const Tuner *t;
    TunerCase *out;
    double time[TUNER_MAX_ROWS][TUNER_MAX_ROUNDS]; int ntime[TUNER_MAX_ROWS];    /* by variant */
    uint32_t dead[TUNER_MAX_DEAD]; int ndead;
    double end;
    int trying;                       /* variant, -1: none yet */
    bool done;
} Follow;

static TunerRow *row_of(TunerCase *c, uint32_t variant)
{
    for (int i = 0; i < c->n; i++)
        if (c->row[i].variant == variant)
            return &c->row[i];
    if (c->n == TUNER_MAX_ROWS)
        return &c->row[TUNER_MAX_ROWS - 1];
    c->row[c->n] = (TunerRow){.variant = variant};
    return &c->row[c->n++];
}

static void take_time(Follow *f, uint32_t v, double us)
{
    double sorted[TUNER_MAX_ROUNDS];
    TunerRow *r = row_of(f->out, v);
    if (f->ntime[v] < TUNER_MAX_ROUNDS)
        f->time[v][f->ntime[v]++] = us;
    memcpy(sorted, f->time[v], sizeof *sorted * (size_t)f->ntime[v]);
    r->us = measure_median(sorted, f->ntime[v]);
    r->rounds = f->ntime[v];
    r->fate = TUNER_ok;
}

static void settle_best(TunerCase *c)
{
    c->best = -1;
    for (int i = 0; i < c->n; i++)
        if (c->row[i].fate == TUNER_ok && (c->best < 0 || c->row[i].us < c->row[c->best].us))
            c->best = i;
}

static void take(Follow *f, const Message *m)
{
    switch (m->kind) {
    case SAY_CASE:
        f->out->copy = m->us;
        f->out->bytes = m->bytes;
        f->out->candidates = m->candidates;
        f->out->serving = m->serving;
        snprintf(f->out->machine, sizeof f->out->machine, "%s", m->machine);
        break;
    case SAY_TRY: f->trying = (int)m->variant; break;
    case SAY_ROW:
        if (m->variant < TUNER_MAX_ROWS && !f->ntime[m->variant])
            *row_of(f->out, m->variant) = m->row;
        break;
    case SAY_TIME:
        if (m->variant < TUNER_MAX_ROWS)
            take_time(f, m->variant, m->us);
        break;
    case SAY_DONE: f->done = true; break;
    }
    settle_best(f->out);
}

static bool stopped(const Follow *f) { return f->t->stop && *f->t->stop; }

/* One message; 0: the child's end, -1: it was silent for too long, -2: stopped by hand. */
static int hear(Follow *f, int fd, Message *m)
{
    double patience = f->trying < 0 ? SETUP_PATIENCE : f->t->patience > 0 ? f->t->patience : CANDIDATE_PATIENCE;
    double until = measure_now_us() + patience * 1e6;
    for (size_t at = 0; at < sizeof *m;) {
        struct pollfd p = {fd, POLLIN, 0};
        int left = (int)((until - measure_now_us()) / 1e3), ready = left > 0 ? poll(&p, 1, left < 200 ? left : 200) : 0;
        if (stopped(f))
            return -2;
        if (ready <= 0 && measure_now_us() >= until)
            return -1;
        if (ready <= 0)
            continue;
        ssize_t n = read(fd, (char *)m + at, sizeof *m - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return 0;
        at += (size_t)n;
    }
    return 1;
}

/* status: of waitpid. */
static void blame(Follow *f, TunerFate fate, int status)
{
    TunerRow *r = row_of(f->out, (uint32_t)f->trying);
    r->fate = fate;
    if (fate == TUNER_crash)
        snprintf(r->why, sizeof r->why, WIFSIGNALED(status) ? "signal %d" : "exit %d", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    r->us = 0;
    f->ntime[f->trying] = 0;
    f->dead[f->ndead++] = (uint32_t)f->trying;
    settle_best(f->out);
}

static pid_t start(Follow *f, const char *text, int *fd)
{
    int p[2];
    if (pipe(p))
        return -1;
    fflush(NULL);
    pid_t pid = fork();
    if (!pid) {
        Child *k = calloc(1, sizeof *k);
        close(p[0]);
        measure_plain_signals();
        if (!k)
            _exit(3);
        k->t = f->t, k->pipe = p[1], k->end = f->end, k->dead = f->dead, k->ndead = f->ndead;
        run_child(k, text);
    }
    close(p[1]);
    *fd = p[0];
    return pid;
}

/* True to go on with a new child, without the candidate that ended this one. */
static bool follow(Follow *f, const char *text)
{
    Message m;
    int fd, got, status = 0;
    f->trying = -1;
    pid_t pid = start(f, text, &fd);
    if (pid < 0)
        return false;
    while ((got = hear(f, fd, &m)) == 1) {
        take(f, &m);
        if (f->t->progress)
            f->t->progress(f->t->self, f->out, f->end > 0 ? (f->end - measure_now_us()) * 1e-6 : -1);
    }
    if (got < 0)
        kill(pid, SIGKILL);
    close(fd);
    waitpid(pid, &status, 0);
    f->out->cut |= got == -2 || stopped(f);
    if (f->trying < 0 && !f->out->cut && !f->done)
        f->out->refused = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (f->done || f->out->cut || f->trying < 0)
        return false;
    blame(f, got == -1 ? TUNER_hang : TUNER_crash, status);
    return f->ndead < TUNER_MAX_DEAD && !(f->end > 0 && measure_now_us() > f->end);
}

bool tuner_run(const Tuner *t, const char *text, TunerCase *out)
{
    Follow *f = calloc(1, sizeof *f);
    *out = (TunerCase){.best = -1};
    if (!f)
        return false;
    snprintf(out->text, sizeof out->text, "%s", text);
    f->t = t;
    f->out = out;
    f->end = t->budget > 0 ? measure_now_us() + t->budget * 1e6 : 0;
    while (follow(f, text))
        ;
    out->cut |= f->end > 0 && measure_now_us() > f->end;
    free(f);
    return out->n > 0;
}

void tuner_csv_head(FILE *f) { fprintf(f, "case,variant,us,copy_us,pct_copy,bytes,err,registers,spills,fate,nest,n,target,instances,model,schedule\n"); }

void tuner_csv(FILE *f, const TunerCase *c)
{
    for (int i = 0; i < c->n; i++) {
        const TunerRow *r = &c->row[i];
        fprintf(f, "\"%s\",%u,%.3f,%.3f,%.2f,%llu,%.2e,%d,%d,%s,%u,%lld,%s,%lld,%d,%s\n", c->text, (unsigned)r->variant, r->us, c->copy, r->us > 0 ? 100 * c->copy / r->us : 0,
                (unsigned long long)c->bytes, r->err, (int)r->registers, (int)r->spills, tuner_fate_name(r->fate), (unsigned)r->nest, (long long)r->n,
                r->target, (long long)r->instances, r->model, r->schedule);
    }
    fflush(f);
}
