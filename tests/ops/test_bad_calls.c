/* test_bad_calls.c: thousands of calls of every op, each with one mistake: the exact status and argument, whichever device the tensors are on;
 * nothing launched, nothing written.  ARGS: spec, bad calls, then NAME=VALUE for what is not at its default; "+" begins another binding.
 */
#include "bad_case.h"
#include "toy_pack.h"

enum { BINDINGS = 8, VALUES = 24 };

static const char *spec, *overrides[BINDINGS][VALUES + 1];
static int nbindings;
static uint32_t wanted;

static bool is_untouched(const BadOp *b) { return !memcmp(b->memory, b->before, (BAD_TENSORS + 1) * BAD_ROOM); }

static void fail_call(const BadCall *c, const char *turn, const char *what, lgr_status got)
{
    char line[512];
    lgr_last_error_text(line, sizeof line);
    fail_msg("%s.%s [%s], %s: %s %s at %s: got %s: %s", c->op->name, c->k->name, c->fn->binding, turn, what, lgr_status_name(c->want), c->argument, lgr_status_name(got), line);
}

static void refused(BadOp *b, const BadCall *c, const char *turn)
{
    char op[96];
    int done = bad_done(b, c->where);
    size_t bytes = 0;
    lgr_status s = lgr_launch(b->ctx[c->where], &c->call);
    const lgr_error *e = lgr_last_error();
    snprintf(op, sizeof op, "%s.%s", c->op->name, c->k->name);
    if (s != c->want || strcmp(e->argument, c->argument) || strcmp(e->op, op) || e->status != s)
        fail_call(c, turn, "wanted", s);
    if (!e->wanted[0])
        fail_call(c, turn, "no word of what is wanted,", s);
    if (bad_done(b, c->where) != done || !is_untouched(b))
        fail_call(c, turn, "something was done,", s);
    if (c->want != LGR_ERROR_WORKSPACE && ((s = lgr_prepare(b->ctx[c->where], &c->call)) != c->want || (s = lgr_workspace_size(b->ctx[c->where], &c->call, &bytes)) != c->want))
        fail_call(c, turn, "asked beforehand, wanted", s);
}

static void served(BadOp *b, const BadCall *c)
{
    lgr_status s = lgr_launch(b->ctx[c->where], &c->call);
    if (s != LGR_OK)
        fail_call(c, "unspoilt", "wanted", s);
    memcpy(b->before, b->memory, (BAD_TENSORS + 1) * BAD_ROOM);
}

/* So many bad calls of one binding, over its kernels, places and turns; a good one, and one with more dimensions, in every hundred. */
static uint32_t spoil(BadOp *b, uint32_t calls, uint32_t *by_turn)
{
    uint64_t rng = 0x9e3779b97f4a7c15u;
    uint32_t n = 0;
    memset(b->memory, 0, (BAD_TENSORS + 1) * BAD_ROOM);
    memcpy(b->before, b->memory, (BAD_TENSORS + 1) * BAD_ROOM);
    for (uint32_t tries = 0; n < calls && tries < 64 * calls; tries++) {
        BadCall c;
        const PipeUnit *u = &b->res.units[bad_draw(&rng, b->res.n)];
        uint32_t turn = tries % bad_nturns;
        if (!bad_call(b, u, (int)bad_draw(&rng, BAD_WHERES), bad_draw(&rng, 2), &rng, &c))
            continue;
        if (n % 100 == 0)
            served(b, &c);
        if (tries % 100 == 50) {
            bad_fold(&c, &rng);
            served(b, &c);
            continue;
        }
        if (!bad_turns[turn].turn(&c, &rng))
            continue;
        refused(b, &c, bad_turns[turn].name);
        by_turn[turn]++;
        n++;
    }
    return n;
}

static void bad_calls(void **state)
{
    uint32_t n = 0, by_turn[64] = {0};
    (void)state;
    for (int i = 0; i < nbindings; i++) {
        BadOp b;
        assert_true(bad_open(&b, spec, overrides[i]));
        n += spoil(&b, wanted / (uint32_t)nbindings + 1, by_turn);
        bad_close(&b);
    }
    for (uint32_t i = 0; i < bad_nturns; i++)
        print_message("%s %u%s", bad_turns[i].name, by_turn[i], i + 1 < bad_nturns ? ", " : "\n");
    print_message("%u bad calls refused, each with its status and argument\n", n);
    assert_true(n >= wanted);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bad_calls)};
    int at = 0;
    spec = argc > 1 ? argv[1] : LGR_SOURCE_DIR "/specs/rms_norm.tile";
    wanted = argc > 2 ? (uint32_t)atoi(argv[2]) : 1000;
    for (int i = 3; i < argc && nbindings < BINDINGS - 1; i++)
        if (!strcmp(argv[i], "+"))
            nbindings++, at = 0;
        else if (at < VALUES)
            overrides[nbindings][at++] = argv[i];
    nbindings++;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
