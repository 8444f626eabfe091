import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.sql.Array;
import java.sql.Connection;
import java.sql.Date;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Timestamp;
import java.sql.Types;
import java.util.Arrays;
import java.util.Map;
import java.util.Properties;
import java.util.StringJoiner;
import java.util.TreeMap;
import java.util.zip.CRC32;

/** What every client does, with the JDBC driver: prints a JSON object of what it got. */
public class Client {
  static final String MILLION = "select range as i, 'x' || range as s from range(1000000)";
  static final String ENDLESS = "select range as i from range(1000000000000)";
  static final String BUSY = "select sum(a.range * b.range) as s from range(10000000) a, range(10000000) b";

  static Connection connect(boolean password, String token) throws SQLException {
    Properties p = new Properties();
    if (password) {
      p.put("user", "anybody");
      p.put("password", token);
    } else {
      p.put("token", token);
    }
    String ca = System.getenv("CA");
    p.put("useEncryption", String.valueOf(!ca.isEmpty()));
    if (!ca.isEmpty()) {
      p.put("tlsRootCerts", ca);
    }
    return DriverManager.getConnection("jdbc:arrow-flight-sql://" + System.getenv("ADDRESS"), p);
  }

  static String text(Object v) throws SQLException {
    if (v == null) {
      return "NULL";
    }
    if (v instanceof Timestamp t) {
      return String.format("%1$tF %1$tT.%2$06d", t, t.getNanos() / 1000);
    }
    if (v instanceof Map<?, ?> m) {
      StringJoiner all = new StringJoiner(", ", "{", "}");
      m.forEach((k, x) -> all.add(k + "=" + x));
      return all.toString();
    }
    if (v instanceof Array a) {
      return Arrays.toString((Object[]) a.getArray());
    }
    return v.toString();
  }

  static String first(ResultSet rows) throws SQLException {
    return rows.next() ? text(rows.getObject(1)) : "no row";
  }

  static String one(Connection c, String sql, Object... parameters) throws SQLException {
    try (PreparedStatement s = c.prepareStatement(sql)) {
      for (int i = 0; i < parameters.length; i++) {
        if (parameters[i] == null) {
          s.setNull(i + 1, Types.VARCHAR);
        } else {
          s.setObject(i + 1, parameters[i]);
        }
      }
      try (ResultSet rows = s.executeQuery()) {
        return first(rows);
      }
    }
  }

  static String error(Connection c, String sql) {
    try (Statement s = c.createStatement(); ResultSet rows = s.executeQuery(sql)) {
      return first(rows);
    } catch (Exception e) {
      return String.valueOf(e);
    }
  }

  static String million(Connection c) throws SQLException {
    long n = 0;
    long sum = 0;
    CRC32 crc = new CRC32();
    try (Statement s = c.createStatement(); ResultSet rows = s.executeQuery(MILLION)) {
      while (rows.next()) {
        n++;
        sum += rows.getLong("i");
        crc.update((rows.getString("s") + "\n").getBytes(StandardCharsets.UTF_8));
      }
    }
    return n + " " + sum + " " + crc.getValue();
  }

  /** Cancels from another thread, as a user does who presses a key. */
  static String cancel(Connection c, String sql) throws Exception {
    try (Statement s = c.createStatement()) {
      Thread other = new Thread(() -> {
        try {
          Thread.sleep(1000);
          s.cancel();
        } catch (Exception e) {
          throw new IllegalStateException(e);
        }
      });
      other.start();
      try (ResultSet rows = s.executeQuery(sql)) {
        while (rows.next()) { }
        return "it ended";
      } catch (Exception e) {
        return String.valueOf(e).toLowerCase().contains("cancel") ? "yes" : String.valueOf(e);
      } finally {
        other.join();
      }
    }
  }

  static String tables(Connection c) throws SQLException {
    StringJoiner all = new StringJoiner(", ");
    try (ResultSet rows = c.getMetaData().getTables(null, "main", "kms%", new String[] {"TABLE", "VIEW"})) {
      while (rows.next()) {
        all.add(rows.getString("TABLE_NAME") + " " + rows.getString("TABLE_TYPE"));
      }
    }
    return all.toString();
  }

  static String columns(Connection c) throws SQLException {
    StringJoiner all = new StringJoiner(", ");
    try (ResultSet rows = c.getMetaData().getColumns(null, null, "changed_cells", null)) {
      while (rows.next()) {
        all.add(rows.getString("COLUMN_NAME") + " " + rows.getString("TYPE_NAME"));
      }
    }
    return all.toString();
  }

  static void steps(Connection c, Map<String, String> got) throws Exception {
    String[][] expressions = {
      {"events", "(select count(*) from kms_events)"},
      {"integer", "(-9223372036854775808)::bigint"},
      {"text", "'é''' || chr(10)"},
      {"timestamp", "timestamp '2026-01-02 03:04:05.123456'"},
      {"date", "date '2026-01-02'"},
      {"uuid", "uuid '12345678-1234-1234-1234-123456789012'"},
      {"map", "map {'k': 'v'}"},
      {"list", "['x', 'y']"},
      {"decimal", "(-12.34)::decimal(10, 2)"},
      {"hugeint", "170141183460469231731687303715884105727::hugeint"},
      {"double", "0.5::double"},
      {"boolean", "true"},
      {"null", "null::varchar"},
      {"enum", "'b'::enum('a', 'b')"},
    };
    for (String[] e : expressions) {
      got.put(e[0], one(c, "select " + e[1] + " as x"));
    }
    got.put("million", million(c));

    got.put("param_int", one(c, "select cast(? as bigint) as x", 42L));
    got.put("param_text", one(c, "select ? as x", "it's"));
    got.put("param_real", one(c, "select cast(? as double) as x", 0.25));
    got.put("param_bool", one(c, "select cast(? as boolean) as x", true));
    got.put("param_time", one(c, "select cast(? as timestamp) as x", Timestamp.valueOf("2026-01-02 03:04:05.123")));
    got.put("param_null", one(c, "select ? as x", (Object) null));
    got.put("param_where", one(c, "select count(*) as n from kms_events where event_time < ? and event_name <> ?",
        Timestamp.valueOf("2100-01-01 00:00:00"), "none"));

    got.put("tables", tables(c));
    got.put("columns", columns(c));

    got.put("error", error(c, "selec 1"));
    got.put("refused", error(c, "delete from kms_events"));
    got.put("too_wide", error(c, "select string_agg('0123456789', '') as s from range(300000)"));
    String endless = cancel(c, ENDLESS);
    String busy = cancel(c, BUSY);
    got.put("cancelled", endless.equals(busy) ? endless : endless + ", " + busy);
  }

  static String json(String s) {
    StringBuilder b = new StringBuilder("\"");
    for (char c : s.toCharArray()) {
      b.append(c < ' ' || c == '"' || c == '\\' ? String.format("\\u%04x", (int) c) : String.valueOf(c));
    }
    return b.append('"').toString();
  }

  public static void main(String[] args) throws Exception {
    String token = System.getenv("TOKEN");
    Map<String, String> got = new TreeMap<>();
    // It stays open: the driver takes offence at closing one on which statements failed.
    Connection c = connect(false, token);
    steps(c, got);
    try (Connection other = connect(true, token)) {
      got.put("password", one(other, "select 1 as x"));
    }
    try (Connection wrong = connect(true, "kmst_wrong")) {
      got.put("bad_password", "let in");
    } catch (SQLException e) {
      got.put("bad_password", String.valueOf(e));
    }
    try (Connection wrong = connect(false, "kmst_wrong")) {
      got.put("bad_token", error(wrong, "select 1 as a"));
    } catch (SQLException e) {
      got.put("bad_token", String.valueOf(e));
    }
    StringJoiner all = new StringJoiner(",", "{", "}");
    got.forEach((k, v) -> all.add(json(k) + ":" + json(v)));
    new PrintStream(System.out, true, StandardCharsets.UTF_8).println(all);
    System.exit(0);
  }
}
