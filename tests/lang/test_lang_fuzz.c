/* test_lang_fuzz.c MUTANTS: the plain run of fuzz_lang.c or fuzz_compile.c: every case, spec and file that a fuzzer kept as it is, then
 * MUTANTS changes of them from a fixed seed: bytes flipped, pieces dropped, doubled or taken from another case.  A crash or a hang is the failure.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

enum { MAX_CASES = 1024, MAX_BYTES = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Corpus { uint8_t *p[MAX_CASES]; size_t n[MAX_CASES]; int count; } Corpus;

static void load(Corpus *c, const char *folder)
{
    char path[8192];
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));) {
        if (!strstr(e->d_name, ".tile")) continue;
        assert_true(c->count < MAX_CASES);
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        FILE *f = fopen(path, "rb");
        assert_non_null(f);
        c->p[c->count] = malloc(MAX_BYTES);
        c->n[c->count] = fread(c->p[c->count], 1, MAX_BYTES / 4, f);
        c->count++;
        fclose(f);
    }
    closedir(dir);
}

static uint32_t draw(uint64_t *s, size_t below)
{
    *s = *s * 6364136223846793005u + 1442695040888963407u;
    return below ? (uint32_t)((*s >> 33) % below) : 0;
}

static size_t splice(uint8_t *to, size_t n, const uint8_t *from, size_t m, uint64_t *s)
{
    size_t at = draw(s, n + 1), start = draw(s, m), len = draw(s, m - start + 1) % 200;
    if (n + len > MAX_BYTES) return n;
    memmove(to + at + len, to + at, n - at);
    memcpy(to + at, from + start, len);
    return n + len;
}

static size_t mutate(uint8_t *p, size_t n, const Corpus *c, uint64_t *s)
{
    size_t at, len;
    int other = (int)draw(s, (size_t)c->count);
    switch (n ? draw(s, 4) : 3) {
    case 0:
        p[draw(s, n)] = (uint8_t)draw(s, 256);
        return n;
    case 1:
        p[draw(s, n)] = (uint8_t)"(){}[]:,;?=+-*/%&|^~<>.\"0 \n"[draw(s, 27)];
        return n;
    case 2:
        at = draw(s, n);
        len = draw(s, n - at) % 40;
        memmove(p + at, p + at + len, n - at - len);
        return n - len;
    default:
        return c->n[other] ? splice(p, n, c->p[other], c->n[other], s) : n;
    }
}

static void mutants(void **state)
{
    int wanted = *(int *)*state;
    static const char *const folders[] = { "/tests/lang/accept", "/tests/lang/reject", "/tests/lang/fuzz", "/tests/schedules/odd", "/specs" };
    Corpus *c = calloc(1, sizeof *c);
    uint8_t *p = malloc(2 * MAX_BYTES);
    uint64_t seed = 20240607;
    clock_t slowest = 0;
    char path[4096];
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        snprintf(path, sizeof path, "%s%s", LGR_SOURCE_DIR, folders[i]);
        load(c, path);
    }
    for (int i = 0; i < wanted + c->count; i++) {
        int k = i < c->count ? i : (int)draw(&seed, (size_t)c->count);
        size_t n = c->n[k];
        memcpy(p, c->p[k], n);
        for (uint32_t m = i < c->count ? 0 : 1 + draw(&seed, 6); m; m--) n = mutate(p, n, c, &seed);
        uint8_t *exact = malloc(n + 1);               /* so that reading past the end is seen */
        memcpy(exact, p, n);
        clock_t t = clock();
        LLVMFuzzerTestOneInput(exact, n);
        t = clock() - t;
        if (t > slowest) slowest = t;
        free(exact);
    }
    print_message("%d cases, %d mutants, slowest %.3f s\n", c->count, wanted, (double)slowest / CLOCKS_PER_SEC);
    assert_true(slowest < 2 * CLOCKS_PER_SEC);
    for (int i = 0; i < c->count; i++) free(c->p[i]);
    free(c);
    free(p);
}

int main(int argc, char **argv)
{
    int wanted = argc > 1 ? atoi(argv[1]) : 4000;
    const struct CMUnitTest tests[] = { cmocka_unit_test_prestate(mutants, &wanted) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
