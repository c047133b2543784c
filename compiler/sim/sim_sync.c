/* sim_sync.c: barriers: who must be there, and what they order.
 *
 * A barrier joins the clocks of its warps and opens a new epoch in each; warpsync opens one without joining any.
 */
#include "sim_in.h"

/* The warps in `who` learn of each other all that any of them knows, and begin a new epoch. */
static void join(Sim *s, uint64_t who)
{
    for (uint32_t v = 0; v < s->warps; v++) {
        uint32_t last = 0;
        for (uint32_t w = 0; w < s->warps; w++)
            if (who >> w & 1 && s->clock[w][v] > last)
                last = s->clock[w][v];
        for (uint32_t w = 0; w < s->warps; w++)
            if (who >> w & 1)
                s->clock[w][v] = last;
    }
    for (uint32_t w = 0; w < s->warps; w++)
        s->clock[w][w] += who >> w & 1;
}

static uint64_t warps_from(uint32_t first, uint32_t n) { return (n == 64 ? ~0ull : (1ull << n) - 1) << first; }

static void run_bar(Sim *s, Step *st)
{
    if (s->active != s->threads) {
        sim_fault(s, st, 0, "%u of %u threads arrive", s->active, s->threads);
        return;
    }
    uint32_t each = s->warps / s->fn->cluster;
    for (uint32_t r = 0; r < s->fn->cluster; r++)
        join(s, warps_from(r * each, each));
    s->bars++;
}

static void run_clbar(Sim *s, Step *st)
{
    if (s->active != s->threads)
        sim_fault(s, st, 0, "%u of %u threads arrive", s->active, s->threads);
    else if (!st->o->imm.i)                  /* blocks start and end together here */
        join(s, warps_from(0, s->warps));
    s->bars += !st->o->imm.i;
}

static void run_inbox(Sim *s, Step *st)
{
    s->expected[st->o->ref] = st->o->imm.i;
    for (uint32_t r = 0; r < s->fn->cluster; r++)
        s->came[st->o->ref][r] = 0;
}

/* What has come was sent by every warp of the cluster. */
static void run_await(Sim *s, Step *st)
{
    if (s->active != s->threads)
        sim_fault(s, st, 0, "%u of %u threads wait", s->active, s->threads);
    for (uint32_t r = 0; r < s->fn->cluster; r++)
        if (s->came[st->o->ref][r] != s->expected[st->o->ref])
            sim_fault(s, st, r * s->fn->threads, "%lld of %lld bytes have come", (long long)s->came[st->o->ref][r], (long long)s->expected[st->o->ref]);
    join(s, warps_from(0, s->warps));
    s->bars++;
}

static void run_inboxes(Sim *s, Step *st)
{
    for (int64_t n = 0; n < st->o->imm.i; n++)
        for (uint32_t r = 0; r < s->fn->cluster; r++) {
            s->came[n][r] = s->uses[n][r] = 0;
            s->armed[n][r] = SIM_UNARMED;
        }
}

/* The number of the inbox that thread t names; -1 after a fault. */
static int32_t inbox_of(Sim *s, Step *st, uint32_t t)
{
    int32_t n = ((const int32_t *)st->a[0])[t];
    if (sim_clean(s, st, 0, t, "the inbox") && n >= 0 && n < LIR_MAX_INBOXES)
        return n;
    sim_fault(s, st, t, "there is no inbox %d", n);
    return -1;
}

static void run_arm(Sim *s, Step *st)
{
    for (uint32_t t = 0; t < s->threads; t++) {
        if (!s->mask[t] || !sim_clean(s, st, 1, t, "the predicate") || !((const uint8_t *)st->a[1])[t])
            continue;
        int32_t n = inbox_of(s, st, t);
        uint32_t r = t / s->fn->threads;
        if (n >= 0 && s->armed[n][r] != SIM_UNARMED)
            sim_fault(s, st, t, "inbox %d is armed twice", n);
        else if (n >= 0)
            s->armed[n][r] = st->o->imm.i;
    }
}

/* Who takes from inbox n, whose use is over then: as many threads in each block, and all that was sent has come. */
static void take_from(Sim *s, Step *st, uint32_t n, uint64_t who)
{
    uint32_t threads = (uint32_t)__builtin_popcountll(who) * s->wsize;
    if (threads != (uint32_t)st->o->imm.i * s->fn->cluster)
        sim_fault(s, st, (uint32_t)__builtin_ctzll(who) * s->wsize, "%u threads take from inbox %u, which is for %lld in each block", threads, n, (long long)st->o->imm.i);
    join(s, who);
    for (uint32_t r = 0; r < s->fn->cluster; r++) {
        s->uses[n][r]++;
        s->came[n][r] = 0;
        s->armed[n][r] = SIM_UNARMED;
    }
}

static void run_take(Sim *s, Step *st)
{
    uint64_t who[LIR_MAX_INBOXES] = {0};
    for (uint32_t t = 0; t < s->threads; t++) {
        int32_t n = s->mask[t] ? inbox_of(s, st, t) : -1;
        uint32_t r = t / s->fn->threads;
        if (n < 0 || !sim_clean(s, st, 1, t, "the parity"))
            continue;
        if (s->armed[n][r] == SIM_UNARMED || s->came[n][r] != s->armed[n][r])
            sim_fault(s, st, t, "%lld of %lld bytes have come", (long long)s->came[n][r], (long long)s->armed[n][r]);
        if (((const int32_t *)st->a[1])[t] != (int32_t)(s->uses[n][r] & 1))
            sim_fault(s, st, t, "waits for a use of the other parity");
        who[n] |= 1ull << t / s->wsize;
    }
    for (uint32_t n = 0; n < LIR_MAX_INBOXES && !s->res->faults; n++)
        if (who[n])
            take_from(s, st, n, who[n]);
    s->bars++;
}

/* The warps that arrive, each whole and with one id; 0 after a fault. */
static uint64_t arriving(Sim *s, Step *st, int32_t *id)
{
    uint64_t who = 0;
    for (uint32_t t = 0; t < s->threads; t++) {
        uint32_t w = t / s->wsize, first = w * s->wsize;
        if (s->mask[t] != s->mask[first]) {
            sim_fault(s, st, t, "part of warp %u arrives", w);
            return 0;
        }
        if (!s->mask[t])
            continue;
        if (st->a[0] && (!sim_clean(s, st, 0, t, "the number") || ((int32_t *)st->a[0])[t] != ((int32_t *)st->a[0])[first])) {
            sim_fault(s, st, t, "warp %u arrives at two barriers", w);
            return 0;
        }
        id[w] = st->a[0] ? ((int32_t *)st->a[0])[t] : 0;
        who |= 1ull << w;
    }
    return who;
}

static void run_named(Sim *s, Step *st)
{
    int32_t id[SIM_MAX_WARPS] = {0};
    uint64_t who = arriving(s, st, id);
    uint32_t threads = (uint32_t)st->o->imm.i, each = s->warps / s->fn->cluster;
    while (who && !s->res->faults) {
        uint32_t first = (uint32_t)__builtin_ctzll(who);
        uint64_t group = 0;
        for (uint32_t w = first; w < s->warps; w++)
            if ((who >> w & 1) && id[w] == id[first] && w / each == first / each)
                group |= 1ull << w;
        uint32_t n = (uint32_t)__builtin_popcountll(group) * s->wsize;
        if (id[first] < 1 || id[first] > 15 || (uint32_t)id[first] > s->fn->threads / threads)
            sim_fault(s, st, first * s->wsize, "barrier %d of %u", id[first], s->fn->threads / threads);
        else if (n != threads)
            sim_fault(s, st, first * s->wsize, "%u threads arrive at barrier %d, which is for %u", n, id[first], threads);
        join(s, group);
        who &= ~group;
    }
    s->bars++;                                /* coarse: see run_warpsync */
}

static void run_warpsync(Sim *s, Step *st)
{
    int32_t id[SIM_MAX_WARPS];
    uint64_t who = arriving(s, st, id);
    for (uint32_t w = 0; w < s->warps; w++)
        s->clock[w][w] += who >> w & 1;
    s->bars++;                                /* coarse: global accesses are told apart by the launch's barriers, not by warps */
}

static void run_nothing(Sim *s, Step *st) { (void)s; (void)st; }   /* hints; what orders nothing; launches run one after another here */

bool sim_plan_sync(Sim *s, Step *st)
{
    (void)s;
    switch (st->o->op) {
    case LIR_BAR:      st->run = run_bar; return true;
    case LIR_CLBAR:    st->run = run_clbar; return true;
    case LIR_INBOX:    st->run = run_inbox; return true;
    case LIR_AWAIT:    st->run = run_await; return true;
    case LIR_INBOXES:  st->run = run_inboxes; return true;
    case LIR_ARM:      st->run = run_arm; return true;
    case LIR_TAKE:     st->run = run_take; return true;
    case LIR_BARN:     st->run = run_named; return true;
    case LIR_WARPSYNC: st->run = run_warpsync; return true;
    case LIR_BARW:
    case LIR_PREFETCH:
    case LIR_PAUSE:
    case LIR_PDLWAIT:
    case LIR_PDLGO:    st->run = run_nothing; return true;
    default:           return false;
    }
}
