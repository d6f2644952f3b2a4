/* The role in this process, spoken to over a socket with our own codec: groups step by step, and every key and version
 * once. */
#include "base/diag.h"
#include "kafka/messages.h"
#include "log/log.h"
#include "log_test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static int port;

struct client {
    int fd;
    struct hw_arena arena;
    uint8_t *frame;
};

static struct client client_open(void) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct client client = {.fd = socket(AF_INET, SOCK_STREAM, 0)};
    assert_int_equal(connect(client.fd, (struct sockaddr *)&address, sizeof(address)), 0);
    struct timeval limit = {.tv_sec = 10};
    setsockopt(client.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    return client;
}

static void client_close(struct client *client) {
    close(client->fd);
    hw_arena_done(&client->arena);
    free(client->frame);
}

static void client_send(struct client *client, int key, int version, const void *request) {
    const struct hw_kafka_api *api = hw_kafka_api_find(key);
    bool flexible = version >= api->flexible;
    struct hw_buf out = {0};
    struct hw_kafka_writer writer = {.out = &out};
    hw_kafka_write_i32(&out, 0);
    hw_kafka_write_i16(&out, (int16_t)key);
    hw_kafka_write_i16(&out, (int16_t)version);
    hw_kafka_write_i32(&out, 77);
    hw_kafka_write_string(&out, hw_slice_str("tester"), false);
    if (flexible)
        hw_kafka_write_uvarint(&out, 0);
    hw_kafka_encode(api->request(), version, flexible, request, &writer);
    uint32_t size = htonl((uint32_t)out.size - 4);
    memcpy(out.data, &size, 4);
    assert_int_equal(send(client->fd, out.data, out.size, 0), (ssize_t)out.size);
    hw_buf_done(&out);
}

/* The decoded answer; valid until the next one of this client. */
static void *client_receive(struct client *client, int key, int version) {
    const struct hw_kafka_api *api = hw_kafka_api_find(key);
    bool flexible = version >= api->flexible;
    uint32_t size;
    if (recv(client->fd, &size, 4, MSG_WAITALL) != 4)
        fail_msg("%s version %d: no answer", api->name, version);
    size = ntohl(size);
    free(client->frame);
    client->frame = malloc(size);
    assert_int_equal(recv(client->fd, client->frame, size, MSG_WAITALL), (ssize_t)size);
    struct hw_kafka_reader in = {client->frame, client->frame + size, false};
    assert_int_equal(hw_kafka_read_i32(&in), 77);
    if (flexible && key != 18)
        hw_kafka_skip_tags(&in);
    struct hw_err err;
    hw_arena_done(&client->arena);
    void *response = hw_arena_alloc(&client->arena, api->response()->size);
    if (hw_kafka_decode(api->response(), version, flexible, &in, &client->arena, response, &err) < 0 || in.at != in.end)
        fail_msg("%s version %d: answer malformed", api->name, version);
    return response;
}

static void test_every_key_and_version_is_answered(void **state) {
    struct client client = client_open();
    for (size_t a = 0; a < hw_kafka_api_count; a++) {
        const struct hw_kafka_api *api = &hw_kafka_apis[a];
        for (int version = api->min; version <= api->max; version++) {
            void *request = calloc(1, api->request()->size);
            hw_kafka_init(api->request(), request);
            if (api->key == 0)
                ((struct hw_kafka_produce_request *)request)->acks = -1;
            client_send(&client, api->key, version, request);
            client_receive(&client, api->key, version);
            free(request);
        }
    }
    client_close(&client);
}

static void test_an_unknown_version_of_api_versions_is_answered_in_version_0(void **state) {
    static const uint8_t frame[] = {0, 0, 0, 10, 0, 18, 0, 99, 0, 0, 0, 77, 0xff, 0xff};
    struct client client = client_open();
    assert_int_equal(send(client.fd, frame, sizeof(frame), 0), sizeof(frame));
    struct hw_kafka_api_versions_response *out = client_receive(&client, 18, 0);
    assert_int_equal(out->error_code, HW_KAFKA_UNSUPPORTED_VERSION);
    assert_int_equal(out->api_keys.count, hw_kafka_api_count);
    client_close(&client);
}

static void test_bad_frames_end_the_connection(void **state) {
    static const struct {
        uint8_t bytes[16];
        size_t size;
    } rows[] = {
        {{0x7f, 0xff, 0xff, 0xff, 0, 18}, 6},                          /* longer than allowed */
        {{0, 0, 0, 3, 0, 18, 0}, 7},                                   /* shorter than a header */
        {{0, 0, 0, 10, 0x7f, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff}, 14},    /* no such key */
        {{0, 0, 0, 12, 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 9, 9}, 16}, /* a body that is cut off */
        {{'G', 'E', 'T', ' ', '/', ' ', 'H', 'T'}, 8},
    };
    for (size_t i = 0; i < HW_ARRAY_SIZE(rows); i++) {
        struct client client = client_open();
        uint8_t byte;
        assert_int_equal(send(client.fd, rows[i].bytes, rows[i].size, 0), (ssize_t)rows[i].size);
        assert_int_equal(recv(client.fd, &byte, 1, 0) > 0, 0);
        client_close(&client);
    }
}

static struct hw_kafka_join_group_request join_request(const char *group, const char *member,
                                                       struct hw_kafka_join_group_request_protocol *protocol) {
    *protocol = (struct hw_kafka_join_group_request_protocol){hw_slice_str("range"), hw_slice_str("metadata")};
    struct hw_kafka_join_group_request request = {.group_id = hw_slice_str(group),
                                                  .session_timeout_ms = 6000,
                                                  .rebalance_timeout_ms = 5000,
                                                  .member_id = hw_slice_str(member),
                                                  .protocol_type = hw_slice_str("consumer")};
    request.protocols.items = protocol;
    request.protocols.count = 1;
    return request;
}

/* Joins and syncs as the only member; the member id is malloc'd. */
static char *become_leader(struct client *client, const char *group, int32_t *out_generation) {
    struct hw_kafka_join_group_request_protocol protocol;
    struct hw_kafka_join_group_request join = join_request(group, "", &protocol);
    client_send(client, 11, 9, &join);
    struct hw_kafka_join_group_response *joined = client_receive(client, 11, 9);
    assert_int_equal(joined->error_code, HW_KAFKA_MEMBER_ID_REQUIRED);
    char *member = hw_xstrndup((const char *)joined->member_id.data, joined->member_id.size);
    join = join_request(group, member, &protocol);
    client_send(client, 11, 9, &join);
    joined = client_receive(client, 11, 9);
    assert_int_equal(joined->error_code, 0);
    assert_true(hw_slice_eq(joined->leader, member));
    assert_int_equal(joined->members.count, 1);
    *out_generation = joined->generation_id;
    struct hw_kafka_sync_group_request_assignment assignment = {hw_slice_str(member), hw_slice_str("yours")};
    struct hw_kafka_sync_group_request sync = {
        .group_id = hw_slice_str(group), .generation_id = *out_generation, .member_id = hw_slice_str(member)};
    sync.assignments.items = &assignment;
    sync.assignments.count = 1;
    client_send(client, 14, 5, &sync);
    struct hw_kafka_sync_group_response *synced = client_receive(client, 14, 5);
    assert_int_equal(synced->error_code, 0);
    assert_true(hw_slice_eq(synced->assignment, "yours"));
    return member;
}

static int heartbeat(struct client *client, const char *group, const char *member, int32_t generation) {
    struct hw_kafka_heartbeat_request beat = {
        .group_id = hw_slice_str(group), .generation_id = generation, .member_id = hw_slice_str(member)};
    client_send(client, 12, 4, &beat);
    return ((struct hw_kafka_heartbeat_response *)client_receive(client, 12, 4))->error_code;
}

static void test_a_member_joins_beats_and_leaves(void **state) {
    struct client client = client_open();
    int32_t generation;
    char *member = become_leader(&client, "alone", &generation);
    assert_int_equal(heartbeat(&client, "alone", member, generation), 0);
    assert_int_equal(heartbeat(&client, "alone", member, generation + 1), HW_KAFKA_ILLEGAL_GENERATION);
    assert_int_equal(heartbeat(&client, "alone", "someone", generation), HW_KAFKA_UNKNOWN_MEMBER_ID);
    assert_int_equal(heartbeat(&client, "nowhere", member, generation), HW_KAFKA_UNKNOWN_MEMBER_ID);
    struct hw_kafka_leave_group_request_member leaving = {.member_id = hw_slice_str(member)};
    struct hw_kafka_leave_group_request leave = {.group_id = hw_slice_str("alone")};
    leave.members.items = &leaving;
    leave.members.count = 1;
    client_send(&client, 13, 5, &leave);
    struct hw_kafka_leave_group_response *left = client_receive(&client, 13, 5);
    assert_int_equal(left->error_code, 0);
    assert_int_equal(left->members.items[0].error_code, 0);
    assert_int_equal(heartbeat(&client, "alone", member, generation), HW_KAFKA_UNKNOWN_MEMBER_ID);
    free(member);
    client_close(&client);
}

static void test_a_second_member_makes_the_first_join_again(void **state) {
    struct client one = client_open(), two = client_open();
    int32_t generation;
    char *first = become_leader(&one, "pair", &generation);
    struct hw_kafka_join_group_request_protocol protocol;
    struct hw_kafka_join_group_request join = join_request("pair", "", &protocol);
    client_send(&two, 11, 3, &join); /* before version 4 nobody is asked to come back with an id */
    int result = 0;
    for (int i = 0; i < 200 && result == 0; i++) {
        result = heartbeat(&one, "pair", first, generation);
        usleep(5000);
    }
    assert_int_equal(result, HW_KAFKA_REBALANCE_IN_PROGRESS);
    join = join_request("pair", first, &protocol);
    client_send(&one, 11, 9, &join);
    struct hw_kafka_join_group_response *joined = client_receive(&one, 11, 9);
    assert_int_equal(joined->error_code, 0);
    assert_int_equal(joined->generation_id, generation + 1);
    assert_int_equal(joined->members.count, 2);
    struct hw_kafka_join_group_response *other = client_receive(&two, 11, 3);
    assert_int_equal(other->members.count, 0);
    assert_true(hw_slice_eq(other->leader, first));
    join = join_request("pair", "", &protocol);
    protocol.name = hw_slice_str("sticky"); /* nobody else knows it */
    struct client three = client_open();
    client_send(&three, 11, 9, &join);
    assert_int_equal(((struct hw_kafka_join_group_response *)client_receive(&three, 11, 9))->error_code,
                     HW_KAFKA_INCONSISTENT_GROUP_PROTOCOL);
    join = join_request("pair", "", &protocol);
    join.session_timeout_ms = 10;
    client_send(&three, 11, 9, &join);
    assert_int_equal(((struct hw_kafka_join_group_response *)client_receive(&three, 11, 9))->error_code,
                     HW_KAFKA_INVALID_SESSION_TIMEOUT);
    free(first);
    client_close(&one);
    client_close(&two);
    client_close(&three);
}

int main(void) {
    HW_CLEANUP(test_dir_done) char *dir = test_dir();
    struct hw_settings_section sections[] = {
        {"common", hw_common_fields, NULL}, {"log", hw_log_role.config, NULL}, {0}};
    HW_CLEANUP(hw_freep) char *data = hw_xasprintf("common.data.dir=%s", dir);
    port = 21250 + (int)(getpid() % 50);
    HW_CLEANUP(hw_freep) char *listen_port = hw_xasprintf("log.listen.port=%d", port);
    const char *const sets[] = {data, listen_port, "log.group.initial.rebalance.delay.ms=0", NULL};
    static struct hw_config_faults faults;
    struct hw_settings *settings;
    struct hw_err err;
    void *self;
    hw_diag_setup("log", HW_ERROR, 0);
    if (hw_settings_load(sections, NULL, sets, &settings, &faults, &err) < 0 ||
        hw_log_role.start(settings, &self, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_key_and_version_is_answered),
        cmocka_unit_test(test_an_unknown_version_of_api_versions_is_answered_in_version_0),
        cmocka_unit_test(test_bad_frames_end_the_connection),
        cmocka_unit_test(test_a_member_joins_beats_and_leaves),
        cmocka_unit_test(test_a_second_member_makes_the_first_join_again),
    };
    int result = cmocka_run_group_tests(tests, NULL, NULL);
    hw_log_role.stop(self);
    hw_settings_free(settings);
    return result;
}
