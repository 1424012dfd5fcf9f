import { connectPair } from "/work/main/tests/shared/transport/lane_fixture.ts";
import { openQuicStreamIo } from "/work/main/shared/transport/quic_stream_io.ts";
const M=new Uint8Array(300);
const cpu=()=>{const f=Deno.readTextFileSync("/proc/self/stat").split(") ")[1]!.split(" "); return (Number(f[11])+Number(f[12]))*10_000;};
async function readN(l:any,n:number,b:Uint8Array){let g=0;while(g<n)g+=await l.read(b);}
for (const t of ["tls","quic"] as const){
 const {dialled,accepted}=await connectPair(t);
 const b1=new Uint8Array(65536),b2=new Uint8Array(65536);
 const N=8000; const lat:number[]=[];
 (async()=>{for(;;){await readN(accepted,300,b2);await accepted.write(M);}})().catch(()=>{});
 for(let i=0;i<1000;i++){await dialled.write(M);await readN(dialled,300,b1);}
 let c=cpu(),t0=performance.now();
 for(let i=0;i<N;i++){const s=performance.now();await dialled.write(M);await readN(dialled,300,b1);lat.push(performance.now()-s);}
 lat.sort((a,b)=>a-b);
 console.log(t,"RTT p50",(lat[N/2]!*1000).toFixed(0),"p99",(lat[Math.floor(N*.99)]!*1000).toFixed(0),"us; CPU/round trip both ends",((cpu()-c)/N).toFixed(1),"us wall/RT",((performance.now()-t0)/N*1000).toFixed(0));
 dialled.close(); await new Promise(r=>setTimeout(r,50));
 // one way: spaced 300B messages
 const p=await connectPair(t); let got=0; (async()=>{for(;;)got+=(await p.accepted.read(b2))!;})().catch(()=>{});
 for (const burst of [1,20]) {
 const R=burst===1?6000:600; c=cpu(); got=0;
 for(let i=0;i<R;i++){ for(let k=0;k<burst;k++) await p.dialled.write(M); while(got<(i+1)*300*burst) await new Promise(r=>setImmediate(r)); }
 console.log(t,"one way, burst",burst,": CPU per 300-byte message both ends",((cpu()-c)/(R*burst)).toFixed(1),"us");
 }
 // batched like WritePump: 20 messages in one write
 const B=new Uint8Array(6000); c=cpu(); got=0; for(let i=0;i<3000;i++){await p.dialled.write(B); while(got<(i+1)*6000) await new Promise(r=>setImmediate(r));}
 console.log(t,"one way, 20 messages in one write: CPU per message both ends",((cpu()-c)/60000).toFixed(2),"us");
 // bulk
 c=cpu();got=0;const K=new Uint8Array(65536);t0=performance.now(); let w=0; while(w<200e6) w+=await p.dialled.write(K); while(got<w) await new Promise(r=>setImmediate(r));
 console.log(t,"bulk MB/s",(w/1e6/((performance.now()-t0)/1000)).toFixed(0),"CPU ms/MB both ends",((cpu()-c)/1000/(w/1e6)).toFixed(2));
}
Deno.exit(0);
