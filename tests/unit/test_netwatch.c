/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>

/* The program's sources are not in the library. */
#include "fs/netwatch.c"

static uint8_t buf[256] __attribute__((aligned(8)));

static size_t
message(size_t at, uint16_t type, const void *body, size_t len)
{
	struct nlmsghdr h = { .nlmsg_len = (uint32_t)(NLMSG_HDRLEN + len),
	    .nlmsg_type = type };

	memcpy(buf + at, &h, sizeof(h));
	memcpy(buf + at + NLMSG_HDRLEN, body, len);
	return at + NLMSG_ALIGN(h.nlmsg_len);
}

static bool
is_one(uint16_t type, const void *body, size_t len)
{
	return netwatch_parse(buf, message(0, type, body, len));
}

START_TEST(a_way_to_others_is_known)
{
	struct ifinfomsg link = { .ifi_flags = IFF_UP | IFF_RUNNING };
	struct ifaddrmsg addr = { .ifa_scope = RT_SCOPE_UNIVERSE };
	struct rtmsg route = { .rtm_type = RTN_UNICAST };

	ck_assert(is_one(RTM_NEWLINK, &link, sizeof(link)));
	ck_assert(!is_one(RTM_DELLINK, &link, sizeof(link)));
	link.ifi_flags |= IFF_LOOPBACK;
	ck_assert(!is_one(RTM_NEWLINK, &link, sizeof(link)));
	link.ifi_flags = IFF_UP;
	ck_assert(!is_one(RTM_NEWLINK, &link, sizeof(link)));
	ck_assert(is_one(RTM_NEWADDR, &addr, sizeof(addr)));
	ck_assert(!is_one(RTM_DELADDR, &addr, sizeof(addr)));
	addr.ifa_scope = RT_SCOPE_HOST;
	ck_assert(!is_one(RTM_NEWADDR, &addr, sizeof(addr)));
	ck_assert(is_one(RTM_NEWROUTE, &route, sizeof(route)));
	route.rtm_flags = RTM_F_CLONED;
	ck_assert(!is_one(RTM_NEWROUTE, &route, sizeof(route)));
	route.rtm_flags = 0;
	route.rtm_type = RTN_UNREACHABLE;
	ck_assert(!is_one(RTM_NEWROUTE, &route, sizeof(route)));
}
END_TEST

START_TEST(of_several_one_is_enough)
{
	struct ifaddrmsg addr = { .ifa_scope = RT_SCOPE_HOST };
	struct rtmsg route = { .rtm_type = RTN_UNICAST };
	size_t n = message(0, RTM_NEWADDR, &addr, sizeof(addr));

	ck_assert(!netwatch_parse(buf, n));
	n = message(n, RTM_NEWROUTE, &route, sizeof(route));
	ck_assert(netwatch_parse(buf, n));
}
END_TEST

START_TEST(what_is_cut_or_lies_is_none)
{
	struct rtmsg route = { .rtm_type = RTN_UNICAST };
	size_t i, n = message(0, RTM_NEWROUTE, &route, sizeof(route));
	uint32_t len;

	for (i = 0; i < n; i++)
		ck_assert(!netwatch_parse(buf, i));
	for (len = 0; len < 15; len++) {
		memcpy(buf, &len, sizeof(len));
		ck_assert(!netwatch_parse(buf, n));
	}
	len = UINT32_MAX;
	memcpy(buf, &len, sizeof(len));
	ck_assert(!netwatch_parse(buf, n));
	/* A message without room for what it tells. */
	ck_assert(!is_one(RTM_NEWROUTE, &route, sizeof(route) - 1));
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("netwatch");
	TCase *t = tcase_create("netwatch");

	tcase_add_test(t, a_way_to_others_is_known);
	tcase_add_test(t, of_several_one_is_enough);
	tcase_add_test(t, what_is_cut_or_lies_is_none);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	SRunner *r = srunner_create(suite());
	int failed;

	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
